/** What a seed is judged by. */
export const verdictKinds = {
  lost: 'acknowledged, and not in the log',
  duplicated: 'in the log twice',
  torn: 'a transaction can be read in part, or although it was not committed',
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

export interface Verdict {
  readonly kind: VerdictKind;
  readonly message: string;
  readonly place: string | undefined;
}

/** What one seed came to. */
export interface SeedResult {
  readonly story: 'batches' | 'transactions' | 'library';
  readonly seed: number;
  /** Undefined when all is well. */
  readonly verdict: Verdict | undefined;
  readonly records: number;
  readonly simulatedMs: number;
  /** Empty unless one was asked for. */
  readonly trace: readonly string[];
}

/** @returns undefined when the story comes to its end and nothing is wrong with it */
export function verdictOf(play: () => void): Verdict | undefined {
  try {
    play();
    return undefined;
  } catch (error) {
    return verdictOn(error);
  }
}

/** The same for a story that waits for promises. */
export async function asyncVerdictOf(play: () => Promise<void>): Promise<Verdict | undefined> {
  try {
    await play();
    return undefined;
  } catch (error) {
    return verdictOn(error);
  }
}

function verdictOn(error: unknown): Verdict {
  if (error instanceof Fault) {
    const { kind, message, place } = error;
    return { kind, message, place };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const kind = /it spins|come to rest/.test(message) ? 'hung' : 'broken';
  return { kind, message, place: undefined };
}
