import { Bug } from '../shared/assert.ts';
import { ConfigError, SetupError } from '../shared/errors.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import { UsageError } from './cli-flags.ts';

const REPORT = 'This is a bug of millrace: please report it, with the lines above.';

/**
 * Tells why it ended. Users' faults are told in a sentence, with the place and the fix; only our own come with a stack.
 *
 * @returns what the process ends with
 */
export function reportFailure(error: unknown, write: (text: string) => void): ExitReason {
  if (error instanceof UsageError) {
    write(`millrace: ${error.message}\nmillrace --help says what there is\n`);
    return 'usage';
  }
  if (error instanceof ConfigError) {
    const count = error.faults.length;
    const title = count === 1 ? 'a fault' : `${count} faults`;
    write(`millrace: the configuration has ${title}:\n${error.message}\n`);
    return 'config';
  }
  if (error instanceof SetupError) {
    write(`millrace: ${error.message}\n`);
    return error.reason;
  }
  if (error instanceof Error && 'code' in error && error.code === 'EMFILE') {
    write(`millrace: ${error.message}. Fix: raise LimitNOFILE (ulimit -n), to 1024 or more\n`);
    return 'ioError';
  }
  if (error instanceof Error && 'syscall' in error && error.syscall === 'write') {
    write(`millrace: standard output or a file cannot be written: ${error.message}\n`);
    return 'ioError';
  }
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  write(`millrace: ${said}\n${REPORT}\n`);
  return error instanceof Bug ? 'internal' : 'unexpected';
}
