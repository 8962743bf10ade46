import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes } from '../../src/shared/exit-codes.ts';
import { Daemon } from '../support/daemon.ts';
import { requireProgram, runProgram } from '../support/foreign-programs.ts';
import { mainFile, node24, projectRoot } from '../support/project.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-demos-'));
after(() => rmSync(folder, { recursive: true }));

const TIMEOUT_MS = 120_000;
const usual = ['demo', '--rate', '2000'];

interface Started {
  readonly demo: Daemon;
  readonly log: string;
  readonly socket: string;
  readonly bootstrap: string;
}

/** Starts a demo, and waits until it reads. */
async function startDemo(args: readonly string[] = [], node = process.execPath): Promise<Started> {
  const demo = new Daemon([...usual, ...args], { node });
  const [, log = ''] = await demo.says(/^ {2}from +(\S+sample\.log) /m);
  const [, socket = ''] = await demo.says(/^ +(\S+ingest\.sock) /m);
  const [, bootstrap = ''] = await demo.says(/ at (\S+:\d+) +embedded broker/);
  await demo.says(/^ {2}end +Ctrl-C/m);
  return { demo, log, socket, bootstrap };
}

/** The number in a row of the verdict. */
function counted({ output }: Daemon, row: string): number {
  const [, number = ''] = new RegExp(`^ {2}${row} +([\\d,]+) `, 'm').exec(output) ?? [];
  return Number(number.replaceAll(',', ''));
}

async function connection(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

for (const [name, node] of [
  ['the Node of the tests', process.execPath],
  ['Node 24', node24],
] as const) {
  test(
    `after --seconds it says sent = acked = stored: the lines of the log and those of the socket, on ${name}`,
    { timeout: TIMEOUT_MS },
    async () => {
      const { demo, log, socket } = await startDemo(['--seconds', '3'], node);
      const client = await connection(socket);
      client.end('one line\n'.repeat(500));
      await once(client, 'close');
      assert.equal(await demo.ended(), 0, demo.output);

      const written = counted(demo, 'written');
      assert.ok(written > 2000, demo.output);
      for (const row of ['sent', 'acked', 'stored', 'read back']) {
        assert.equal(counted(demo, row), written + 500, `${row}\n${demo.output}`);
      }
      assert.match(demo.output, /^ {2}[\d,]+ records .*\/s .* MB\/s .*x lz4 .* in flight .* lag/m);
      const [, all = ''] = /^ {2}sent = acked = stored: ([\d,]+) records$/m.exec(demo.output) ?? [];
      assert.equal(Number(all.replaceAll(',', '')), written + 500, demo.output);
      assert.ok(!demo.output.includes('\u001b'), 'no colours and no redrawing in a pipe');
      assert.ok(!existsSync(dirname(log)), 'its folder is gone');
    },
  );

  test(
    `Ctrl-C delivers what is left and ends with 0; what nc wrote, kcat has read meanwhile, on ${name}`,
    { timeout: TIMEOUT_MS },
    async (t) => {
      if (!requireProgram(t, 'nc') || !requireProgram(t, 'kcat')) return;
      const { demo, log, socket, bootstrap } = await startDemo([], node);
      t.after(() => demo.signal('SIGKILL'));
      assert.equal((await runProgram('nc', ['-U', '-N', socket], 'hello\n')).code, 0);
      await demo.says(/^ {2}[\d,]+ records .* 6 B socket$/m);
      // Without -e: kcat finds no end of a log that grows.
      const read = `kcat -C -q -b ${bootstrap} -t demo -o beginning | grep -m 1 '^hello$'`;
      assert.equal((await runProgram('sh', ['-c', read])).stdout, 'hello\n');

      assert.equal(await demo.stop('SIGINT'), 0, demo.output);
      assert.match(demo.output, /^ {2}sent = acked = stored: /m);
      assert.equal(counted(demo, 'stored'), counted(demo, 'written') + 1);
      assert.ok(!existsSync(dirname(log)), 'its folder is gone');
    },
  );
}

test(
  'npm start ends with 0 on Ctrl-C, which the terminal sends to all of its processes, and npm again to the demo',
  { timeout: TIMEOUT_MS },
  async (t) => {
    // What it would build first is what these tests run from.
    const command = ['npm', 'start', '--ignore-scripts', '--'];
    const options = { command, isInTerminal: true, cwd: projectRoot };
    const npm = new Daemon(['--rate', '2000'], options);
    t.after(() => {
      if (npm.child.exitCode === null) npm.interrupt();
    });
    await npm.says(/^ {2}[\d,]+ records /m);
    npm.interrupt();
    assert.equal(await npm.ended(), 0, npm.output);
    assert.match(npm.output, /^ {2}sent = acked = stored: /m);
  },
);

test(
  'a second Ctrl-C ends it at once, and its folder goes all the same',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const { demo, log, socket } = await startDemo();
    t.after(() => demo.signal('SIGKILL'));
    // A client that does not stop writing: the drain listens to it for a second.
    const client = await connection(socket);
    client.on('error', () => undefined);
    const timer = setInterval(() => client.write('still here\n'), 2);
    t.after(() => clearInterval(timer));
    demo.signal('SIGINT');
    await sleep(500);
    assert.equal(await demo.stop('SIGINT'), exitCodes.interrupted.code, demo.output);
    assert.match(demo.output, /second signal: ending at once/);
    assert.ok(!existsSync(dirname(log)), 'its folder is gone');
  },
);

test(
  'a folder that the user named stays, can be used again, and by one demo at a time',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const named = join(folder, 'named');
    const first = new Daemon([...usual, '--dir', named, '--seconds', '1']);
    assert.equal(await first.ended(), 0, first.output);
    assert.deepEqual(readdirSync(named).sort(), ['sample.log', 'state']);

    const { demo } = await startDemo(['--dir', named]);
    t.after(() => demo.signal('SIGKILL'));
    const other = new Daemon([...usual, '--dir', named]);
    assert.equal(await other.ended(), exitCodes.temporary.code, other.output);
    assert.match(other.output, /^millrace: state directory .* is in use by another millrace/m);
    assert.equal(await demo.stop('SIGTERM'), 0, demo.output);
    assert.doesNotMatch(demo.output, /^ {2}(warn|error) /m);
    assert.equal(counted(demo, 'stored'), counted(demo, 'written'));
  },
);

test(
  'when port 9092 is taken it takes another one, and says so',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const taken = await startDemo();
    t.after(() => taken.demo.signal('SIGKILL'));
    const { demo, bootstrap } = await startDemo(['--seconds', '1']);
    await demo.says(/port 9092 is taken/);
    assert.doesNotMatch(bootstrap, /:9092$/);
    assert.equal(await demo.ended(), 0, demo.output);
    assert.equal(await taken.demo.stop(), 0, taken.demo.output);
  },
);

test(
  'what stands in the way of a start is told with the fix',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const cases: [string[], keyof typeof exitCodes, RegExp][] = [
      [
        ['--dir', join(file, 'below')],
        'cannotCreate',
        /cannot write its files: .*ENOTDIR.* Fix: name a folder with --dir/,
      ],
      [['--dir', '/tmp/a*b'], 'usage', /take this for a pattern. Fix: name a folder without/],
      [
        ['-X', `bootstrap.servers=127.0.0.1:${port}`],
        'cannotCreate',
        /cannot listen on .*EADDRINUSE.*; stop what listens there or choose another port/,
      ],
      [['-X', 'bootstrap.servers=a,b'], 'usage', /the demo brings a broker of its own/],
      [['-X', 'linger.ms=x'], 'config', /linger\.ms/],
    ];
    for (const [args, reason, message] of cases) {
      const demo = new Daemon([...usual, ...args]);
      assert.equal(await demo.ended(), exitCodes[reason].code, demo.output);
      assert.match(demo.output, message);
    }
  },
);

test(
  'on a terminal one line is drawn again and again, in colours unless NO_COLOR is set',
  { timeout: TIMEOUT_MS },
  async (t) => {
    if (!requireProgram(t, 'script')) return;
    const command = `${process.execPath} ${mainFile} ${usual.join(' ')} --seconds 2`;
    const run = async (environment: string): Promise<string> => {
      const line = `stty cols 80; env ${environment} TERM=xterm-256color ${command}`;
      const { code, stdout } = await runProgram('script', ['-qec', line, '/dev/null']);
      assert.equal(code, 0, stdout);
      return stdout;
    };
    const plain = await run('NO_COLOR=1');
    const draws = plain.split('\r\u001b[K').slice(1);
    assert.ok(draws.length > 5, plain);
    assert.ok(plain.indexOf('\u001b[?25h') > plain.indexOf('\u001b[?25l'), 'the cursor is back');
    // Node takes CI for a terminal without colours.
    const colours = /\u001b\[\d+m/;
    assert.doesNotMatch(plain, colours);
    assert.match(plain, /sent = acked = stored: [\d,]+ records/);
    assert.match(await run('-u NO_COLOR -u CI'), colours);
  },
);
