/** Tests run as root in many places, and nothing is forbidden to root, no disk is full for it alone: what a child is started by, so that it is. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface TestContext {
  skip(reason: string): void;
}

/** In CI, too: a right that a machine does not give cannot be installed there, as a program can. */
function skip(t: TestContext, reason: string): void {
  console.log(`skipped: ${reason}`);
  t.skip(reason);
}

function works([program = '', ...args]: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program without root's right to read and write everything; it stays the owner of what root owns, the checkout above all.
 *
 * @returns undefined where that is not possible: the test is skipped with the reason; then return at once
 */
export function boundByPermissions(t: TestContext): readonly string[] | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-forbidden-'));
  const file = join(folder, 'file');
  writeFileSync(file, '');
  chmodSync(file, 0o000);
  const ways = [[], ['setpriv', '--bounding-set=-dac_override,-dac_read_search']];
  const way = ways.find((via) => works([...via, 'true']) && !works([...via, 'cat', file]));
  rmSync(folder, { recursive: true });
  if (way === undefined) {
    skip(
      t,
      'nothing is forbidden to this user: run as another than root, or where setpriv may drop rights (apt-get install util-linux)',
    );
  }
  return way;
}

/**
 * Runs a program with a small file system of its own mounted on the folder, filled to the last byte by a file called `ballast`. Seen from
 * outside below /proc/PID/root. It goes with the process.
 *
 * @returns undefined where mounting is not possible: the test is skipped with the reason; then return at once
 */
export function onFullDisk(t: TestContext, folder: string): readonly string[] | undefined {
  const script =
    `mount -t tmpfs -o size=64k,mode=0700 none '${folder}' && ` +
    `{ cat /dev/zero > '${folder}/ballast' 2>/dev/null; exec "$@"; }`;
  const ways = [
    ['unshare', '--mount'],
    ['unshare', '--mount', '--map-root-user'],
  ];
  const trial = ['sh', '-c', `mount -t tmpfs none '${folder}'`];
  const way = ways.find((via) => works([...via, ...trial]));
  if (way !== undefined) return [...way, 'sh', '-c', script, 'sh'];
  skip(
    t,
    'this user may mount no file system: run as root, or where unshare may make a user namespace',
  );
  return undefined;
}
