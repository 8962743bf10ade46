/** Builds franz-go's line shipper, where there is a Go to build it with. */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.ts';

const source = join(projectRoot, 'bench/peers/franz-go');
const folder = join(tmpdir(), `millrace-bench-franz-go-${userInfo().username}`);

export const franzGoProgram = join(folder, 'franz-go');

export function franzGoVersion(): string {
  const text = readFileSync(join(source, 'go.mod'), 'utf8');
  return /franz-go v(\S+)/.exec(text)?.[1] ?? 'unknown';
}

/** @returns why it cannot take part; undefined when it is built */
export function buildFranzGo(): string | undefined {
  if (spawnSync('go', ['version']).error) return 'there is no go command on this machine';
  cpSync(source, folder, { recursive: true });
  // The sums of what it needs are Go's to find and check; they are written beside the copy.
  const build = ['build', '-mod=mod', '-o', franzGoProgram, '.'];
  const { status, stderr } = spawnSync('go', build, { cwd: folder, encoding: 'utf8' });
  return status === 0 ? undefined : `go cannot build it: ${stderr.trim()}`;
}
