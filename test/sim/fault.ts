/** What a seed is judged by. */
export const verdictKinds = {
  lost: 'acknowledged, and not in the log',
  duplicated: 'in the log twice',
  reordered: 'in the log behind a record that was sent after it',
  hung: 'no outcome, although all faults were over',
  leaked: 'memory is not given back, or given back while it is in use',
  lied: 'the outcome says something else than the log',
  broken: 'an invariant of the core does not hold, or it threw',
  rude: 'a rule of the protocol was broken that brokers rely on',
} as const;

export type VerdictKind = keyof typeof verdictKinds;

/** A seed has failed. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: VerdictKind;
  /** `topic-partition`, where it is about one. */
  readonly place: string | undefined;

  constructor(kind: VerdictKind, message: string, place?: string) {
    super(message);
    this.kind = kind;
    this.place = place;
  }
}

export function demand(
  condition: boolean,
  kind: VerdictKind,
  message: () => string,
  place?: string,
): asserts condition {
  if (!condition) throw new Fault(kind, message(), place);
}
