/** Exit codes after BSD's sysexits.h, as Vector uses them. One table: `--help` and docs are made from it. */
export const exitCodes = {
  ok: { code: 0, doc: 'everything was delivered, or the command did what it was asked' },
  unexpected: { code: 1, doc: 'an unexpected error: a bug, please report it' },
  usage: { code: 64, doc: 'wrong usage: unknown command, option or argument' },
  dataError: { code: 65, doc: 'bad input data: a record was refused for good' },
  noInput: { code: 66, doc: 'an input file is missing or cannot be read' },
  unavailable: {
    code: 69,
    doc: 'no broker that millrace can talk to can be reached, or the topic does not exist',
  },
  internal: { code: 70, doc: 'an invariant of millrace does not hold' },
  cannotCreate: { code: 73, doc: 'a file or socket cannot be created' },
  ioError: {
    code: 74,
    doc: 'reading or writing a local file failed: a full disk, too many open files',
  },
  temporary: {
    code: 75,
    doc: 'stopped before all was delivered (what can be read again is kept), or the state folder is in use',
  },
  noPermission: { code: 77, doc: 'permission denied by the system or by the broker' },
  config: { code: 78, doc: 'the configuration has faults, all of them listed' },
  interrupted: { code: 130, doc: 'a second SIGINT cut the drain short' },
  terminated: { code: 143, doc: 'a second SIGTERM cut the drain short' },
} as const;

export type ExitReason = keyof typeof exitCodes;
