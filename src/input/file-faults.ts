import type { InputNotice } from './input.ts';

/** Paths that cannot be read now: each is told when its fault is new, and once more when it is over. */
export class FileFaults {
  readonly #report: (notice: InputNotice) => void;
  /** Path -> code of the fault that was told. */
  readonly #told = new Map<string, string>();

  constructor(report: (notice: InputNotice) => void) {
    this.#report = report;
  }

  has(path: string): boolean {
    return this.#told.has(path);
  }

  /** @param code what makes it the same fault as before */
  tell(path: string, code: string, message: string): void {
    if (this.#told.get(path) === code) return;
    this.#told.set(path, code);
    this.#report({ event: 'fileUnreadable', level: 'warning', message });
  }

  /** It can be read now. */
  clear(path: string): void {
    if (!this.#told.delete(path)) return;
    const message = `${path} can be read now`;
    this.#report({ event: 'fileReadableAgain', level: 'info', message });
  }

  forget(path: string): void {
    this.#told.delete(path);
  }

  /** They are not asked for any more. */
  forgetAllBut(paths: ReadonlySet<string>): void {
    for (const path of this.#told.keys()) if (!paths.has(path)) this.#told.delete(path);
  }
}

/** What is wrong with a path, and what to do about it: one sentence each. */
export function describeFileFault(path: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `${path} does not exist. Fix: check the path`;
    case 'ENOTDIR':
      return `${path} does not exist: a part of its path is a file. Fix: check the path`;
    case 'EACCES':
    case 'EPERM':
      return (
        `${path} cannot be read: permission denied (${error.code}). ` +
        `Fix: let this user read it and enter its directories, for instance by its group (usermod -aG adm) or setfacl -m u:USER:r`
      );
    case 'EISDIR':
      return `${path} is a directory. Fix: name the files in it, such as ${path}/*.log`;
    case 'ELOOP':
      return `${path} is a symbolic link that leads round in a circle. Fix: mend the link`;
    case 'EMFILE':
    case 'ENFILE':
      return (
        `${path} cannot be opened: too many open files (${error.code}). ` +
        'Fix: raise LimitNOFILE of the unit, or ulimit -n'
      );
    case NOT_UTF8:
      return `${path} cannot be read: its name is not UTF-8. Fix: rename it`;
    case NOT_REGULAR:
      return `${path} is not a regular file. Fix: name a file; a socket or FIFO can be piped into standard input`;
    case NO_SIZE:
      return `${path} does not say how long it is. Fix: pipe it into standard input, such as cat ${path} | millrace produce ...`;
    case COMPRESSED:
      return `${path} is compressed. Fix: pipe its lines into standard input, such as zcat ${path} | millrace produce ...`;
    case undefined:
    default:
      return `${path} cannot be read: ${error.message}. Fix: check the file and its file system`;
  }
}

/** Our own codes beside those of the system. */
export const NOT_REGULAR = 'NOT_REGULAR';
export const NOT_UTF8 = 'NOT_UTF8';
export const COMPRESSED = 'COMPRESSED';
/** Nothing by its size, and yet there is something. */
export const NO_SIZE = 'NO_SIZE';

/** As if the system had refused it. */
export function fileFault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/** @param isKnown the file was truncated before, and what that means was told */
export function describeTruncation(path: string, reason: string, isKnown: boolean): string {
  const what = `${path} was truncated while it was followed (${reason}) and is read from its beginning.`;
  if (isKnown) return what;
  return (
    `${what} What was written to it between the last read and the truncation is gone, and no reader could have seen it. Fix: rotate by ` +
    'renaming (logrotate `create` instead of `copytruncate`), and keep copies out of the pattern.'
  );
}
