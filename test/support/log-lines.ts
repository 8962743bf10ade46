import { seededBelow } from './seeded-random.ts';

const LEVELS = ['info', 'info', 'info', 'info', 'debug', 'warn', 'error'];
const SERVICES = ['checkout', 'catalog', 'search', 'payment', 'session', 'gateway', 'mailer'];
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'];
const PATHS = ['/api/v1/orders', '/api/v1/items', '/api/v2/search', '/health', '/login', '/cart'];
const STATUS = [200, 200, 200, 200, 201, 204, 301, 404, 500];
const PHRASES = [
  'request handled by upstream, response sent to the client',
  'connection reset by peer while reading response header from upstream',
  'session expired, user is sent to the login page',
  'cache miss, value loaded from the primary store',
  'index rebuilt after a change of the mapping',
  'retry scheduled after a timeout of the payment provider',
  'order accepted and put into the queue of the warehouse',
  'at com.example.shop.OrderService.place(OrderService.java:217)',
  'at com.example.shop.web.OrderController.post(OrderController.java:88)',
  'at org.example.framework.Dispatcher.dispatch(Dispatcher.java:1043)',
];
const KEYS = ['hits', 'miss', 'load', 'open', 'idle', 'busy', 'sent', 'lost'];

const FIRST_MS = 1_795_000_000_000;
const LONGEST_CHUNK = 4 * 1024 * 1024;

function of<T>(values: readonly T[], random: (below: number) => number): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error('log-lines: nothing to choose from');
  return value;
}

function hex(random: (below: number) => number): string {
  return random(0x100000000).toString(16).padStart(8, '0');
}

/** One JSON object as services log them; about 190 bytes before the free text that brings it to `length`. */
function jsonLine(length: number, time: string, random: (below: number) => number): string {
  const head = `{"ts":"${time}","level":"${of(LEVELS, random)}","service":"${of(SERVICES, random)}","host":"web-${random(24) + 10}","trace":"${hex(random)}","method":"${of(METHODS, random)}","path":"${of(PATHS, random)}/${random(9000)}","status":${of(STATUS, random)},"ms":${random(900)},"msg":"`;
  let text = of(PHRASES, random);
  while (head.length + text.length + 2 < length) text += ` ${random(100)} ${of(PHRASES, random)}`;
  return `${head}${text.slice(0, Math.max(0, length - head.length - 2))}"}`;
}

/** Short lines as counters and statsd-like tools write them. */
function shortLine(length: number, random: (below: number) => number): string {
  let line = `${of(KEYS, random)} ${random(1000)}`;
  while (line.length < length)
    line += ` ${of(SERVICES, random)}.${of(KEYS, random)}=${random(100)}`;
  return line.slice(0, length);
}

/**
 * Log lines that look and compress like those of services: lz4 shrinks them to about a quarter.
 *
 * Whole lines only, each ending in a newline, together at most `bytes` long and less than two lines shorter.
 * Lengths vary by up to 15 % around `lineBytes`, newline included. The same seed gives the same bytes.
 */
export function logLines(options: { bytes: number; lineBytes: number; seed: number }): Buffer {
  const { bytes, lineBytes, seed } = options;
  const random = seededBelow(seed);
  const output = Buffer.allocUnsafe(bytes);
  const spread = Math.floor(lineBytes * 0.15);
  let at = 0;
  let pending: string[] = [];
  let pendingBytes = 0;
  let time = '';
  for (let line = 0; ; line += 1) {
    if (line % 8 === 0) time = new Date(FIRST_MS + line * 3).toISOString();
    const length = Math.max(1, lineBytes - spread + random(2 * spread + 1));
    const full = at + pendingBytes + length > bytes;
    if (full || pendingBytes > LONGEST_CHUNK) {
      at += output.write(pending.join(''), at, 'latin1');
      pending = [];
      pendingBytes = 0;
    }
    if (full) return output.subarray(0, at);
    const text = length > 200 ? jsonLine(length - 1, time, random) : shortLine(length - 1, random);
    pending.push(text, '\n');
    pendingBytes += length;
  }
}
