/** The law of the house as functions over source text; test/tidy.test.ts applies them to the tree and to samples that break them. */

export interface SourceFile {
  /** From the root, with slashes: `src/send/sender.ts`. */
  readonly path: string;
  readonly text: string;
}

/** What a stage or leaf may import besides itself; `type` imports downward are free. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/shared': [],
  'src/kafka': ['src/shared'],
  'src/ring': ['src/shared'],
  'src/accumulate': ['src/kafka', 'src/shared'],
  'src/ack': ['src/kafka', 'src/shared'],
  'src/checkpoint': ['src/shared'],
  'src/encode': ['src/ring', 'src/kafka', 'src/shared'],
  'src/input': ['src/ring', 'src/checkpoint', 'src/encode/kernel.ts', 'src/kafka', 'src/shared'],
  'src/send': [
    'src/accumulate',
    'src/ack/produce-outcome.ts',
    'src/ring',
    'src/kafka',
    'src/shared',
  ],
  'src/producer': [
    'src/accumulate/producer-batch.ts',
    'src/ack/produce-outcome.ts',
    'src/ring',
    'src/kafka',
    'src/shared',
  ],
  'src/broker': ['src/kafka', 'src/shared'],
  'src/commands': [
    'config',
    'src/pipeline.ts',
    'src/stage-settings.ts',
    'src/checkpoint/checkpoint-store.ts',
    'src/input/socket-path.ts',
    'src/input/stdin.ts',
    'src/input/tail.ts',
    'src/input/unix-socket.ts',
    'src/send/broker-channel.ts',
    'src/send/broker-preflight.ts',
    'src/send/log-reader.ts',
    'src/send/open-channel.ts',
    'src/broker',
    'src/kafka',
    'src/shared',
  ],
  config: ['src/shared'],
  workers: ['src/encode', 'src/ring', 'src/kafka', 'src/shared'],
};

/** One door per dependency: each can be replaced in one file. */
export const doors: Readonly<Record<string, readonly string[]>> = {
  piscina: ['src/encode/worker-threads.ts'],
  yargs: ['src/commands/cli.ts'],
  pino: ['src/shared/telemetry.ts'],
  yaml: ['config/read-yaml.ts'],
  picomatch: ['src/input/glob.ts'],
  'lz4-napi': ['src/kafka/compression.ts'],
  '@napi-rs/snappy': ['src/kafka/compression.ts'],
  '@bokuweb/zstd-wasm': ['src/kafka/compression.ts'],
  '@node-rs/crc32': ['src/kafka/crc32c.ts'],
};

/** Files without clock, randomness, timers or Node: what can be simulated. */
const pure = [
  /^src\/accumulate\//,
  /^src\/ack\//,
  // All of the sender but its shell.
  /^src\/send\/(?!(connection|network-client|open-channel|resolve|wake-timer)\.ts$)/,
  /^src\/kafka\/messages\//,
  /^src\/kafka\/(wire|message-spec|errors|record-batch)\.ts$/,
];
const impure: readonly [RegExp, string][] = [
  [/\b(Date|performance)\.now\b|\bnew Date\(\)/, 'take nowMs as a parameter'],
  [/\bMath\.random\b|\bgetRandomValues\b/, 'take a generator as a parameter'],
  [/\bset(Timeout|Interval|Immediate)\b/, 'ask the shell to wake you'],
  [
    /(from|import) 'node:|\bimport\(\s*['"`]node:|\bprocess\.(env|exit|hrtime|nextTick|on)\b/,
    'the core knows no Node',
  ],
];

const banned: readonly [RegExp, string][] = [
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'mend it, or write it on the issue'],
  [/\b(test|it|describe)\.(only|skip|todo)\(/, 'a test that does not run is a defect'],
  [/@ts-(ignore|nocheck)/, 'mend the type'],
  [/\bexport default\b/, 'name it'],
  [/^\s*(export )?(const )?enum /m, 'use an `as const` object'],
];

const forbiddenNames = /(^|\/)(utils?|helpers?|misc|common|manager)\.ts$/;
const LINES_MAX = 400;

const importLine = /^(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)';|^import\s+'([^']+)';/gm;
const dynamicImport = /\bimport\(\s*['"`]([^'"`]+)['"`]/g;

interface Import {
  readonly target: string;
  readonly typeOnly: boolean;
}

export function importsOf(file: SourceFile): Import[] {
  const still = [...file.text.matchAll(importLine)].map((match): Import => ({
    target: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
  const late = [...file.text.matchAll(dynamicImport)].map((match): Import => ({
    target: match[1] ?? '',
    typeOnly: false,
  }));
  return [...still, ...late];
}

/** Path from the root of what a relative import names. */
export function resolveImport(from: string, target: string): string {
  const folders = from.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') folders.pop();
    else if (part !== '.') folders.push(part);
  }
  return folders.join('/');
}

/** Everything that breaks the law in one file, each as one line. */
export function faultsOf(file: SourceFile): string[] {
  const isTest = /^(test|bench)\//.test(file.path);
  return [
    ...textFaults(file),
    ...(isTest ? [] : importFaults(file)),
    ...(file.text.split('\n').length > LINES_MAX + 1
      ? [`${file.path}: more than ${LINES_MAX} lines: two ideas?`]
      : []),
    ...(forbiddenNames.test(file.path) ? [`${file.path}: name the file by what it is about`] : []),
  ];
}

function textFaults(file: SourceFile): string[] {
  const coreOnly = isPure(file) ? impure : [];
  const own = file.path.startsWith('test/tidy') ? [] : banned;
  return [...coreOnly, ...own].flatMap(([pattern, instead]) => {
    const match = pattern.exec(file.text);
    if (match === null) return [];
    const line = file.text.slice(0, match.index).split('\n').length;
    return [`${file.path}:${line}: ${match[0].trim()}: ${instead}`];
  });
}

/** The head of a core file says so: "Pure:" in its first comment makes it one. */
function isPure(file: SourceFile): boolean {
  return pure.some((pattern) => pattern.test(file.path)) || /^\/\*\*[^/]*?\bPure:/s.test(file.text);
}

function importFaults(file: SourceFile): string[] {
  return importsOf(file).flatMap(({ target, typeOnly }) => {
    if (target.startsWith('.'))
      return typeOnly ? [] : directionFault(file.path, resolveImport(file.path, target));
    if (target.startsWith('node:')) return [];
    const allowed = doors[packageOf(target)];
    if (allowed === undefined) return [`${file.path}: imports ${target}, no dependency of ours`];
    if (allowed.includes(file.path)) return [];
    return [`${file.path}: imports ${target}, whose door is ${allowed.join(', ')}`];
  });
}

/** `@scope/name/file.js` -> `@scope/name`. */
function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function directionFault(from: string, to: string): string[] {
  const room = roomOf(from);
  const allowed = mayImport[room];
  if (allowed === undefined || roomOf(to) === room) return [];
  if (allowed.some((place) => to === place || to.startsWith(`${place}/`))) return [];
  return [`${from}: may not import ${to}`];
}

function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'src' && !second.endsWith('.ts') ? `src/${second}` : top === 'src' ? path : top;
}
