/**
 * Log lines that know who they are: source and sequence number in front, then text that follows from the number alone. So a reader
 * can tell from the topic whether a line was lost, doubled, changed or put before its predecessor.
 */
const WORDS =
  'request user session cache order payment retry timeout index shard queue worker'.split(' ');
const FIXED =
  '{"source":"","seq":000000000000,"ts":"2026-11-21T00:00:00.000Z","level":"info","msg":""}';

/** The line number `seq` of a source, `bytes` long without its newline (at least 96). */
export function numberedLine(source: string, seq: number, bytes: number): string {
  const head = `{"source":"${source}","seq":${String(seq).padStart(12, '0')}`;
  const second = String(seq % 60).padStart(2, '0');
  const level = seq % 17 === 0 ? 'warn' : 'info';
  const middle = `,"ts":"2026-11-21T09:15:${second}.000Z","level":"${level}","msg":"`;
  let text = '';
  let mix = (Math.imul(seq, 2654435761) ^ (seq >>> 7)) >>> 0;
  const room = bytes - FIXED.length - source.length;
  while (text.length < room) {
    mix = (Math.imul(mix, 1664525) + 1013904223) >>> 0;
    text += `${WORDS[(mix >>> 24) % WORDS.length] ?? ''}=${(mix >>> 12) & 0xfff} `;
  }
  return `${head}${middle}${text.slice(0, room)}"}`;
}

/** Lines [from, to) of a source with their newlines. */
export function numberedLines(source: string, from: number, to: number, bytes: number): Buffer {
  const lines: string[] = [];
  for (let seq = from; seq < to; seq++) lines.push(numberedLine(source, seq, bytes), '\n');
  return Buffer.from(lines.join(''));
}

export interface SourceLine {
  readonly source: string;
  readonly seq: number;
}

const PARTS = /^\{"source":"([^"]*)","seq":(\d{12}),/;

/** Takes a topic's lines, partition by partition in order, and says what is wrong with them as a whole. */
export class LineAudit {
  readonly #bytes: number;
  readonly #seen = new Map<string, Uint8Array>();
  readonly #last = new Map<string, number>();
  readonly #expected: ReadonlyMap<string, number>;
  readonly faults: string[] = [];
  /** Lines that were there already, and lines that stand behind a later one of their source and partition. */
  readonly doubles: SourceLine[] = [];
  readonly stepsBack: SourceLine[] = [];
  foreign = 0;
  count = 0;

  /** @param expected number of lines of each source @param bytes length of each line */
  constructor(expected: ReadonlyMap<string, number>, bytes: number) {
    this.#expected = expected;
    this.#bytes = bytes;
    for (const [source, lines] of expected) this.#seen.set(source, new Uint8Array(lines));
  }

  read(partition: number, line: string): void {
    this.count++;
    const match = PARTS.exec(line);
    const source = match?.[1] ?? '';
    const seq = Number(match?.[2]);
    const seen = this.#seen.get(source);
    if (
      seen === undefined ||
      seq >= seen.length ||
      line !== numberedLine(source, seq, this.#bytes)
    ) {
      this.foreign++;
      this.#fault(`partition ${partition} holds a line nobody wrote: ${line.slice(0, 200)}`);
      return;
    }
    if ((seen[seq] ?? 0) > 0) {
      this.doubles.push({ source, seq });
      this.#fault(`${source} ${seq} is there twice, again in partition ${partition}`);
    }
    seen[seq] = 1;
    const key = `${source}/${partition}`;
    if (seq <= (this.#last.get(key) ?? -1)) {
      this.stepsBack.push({ source, seq });
      this.#fault(
        `${source} ${seq} stands behind ${this.#last.get(key) ?? -1} in partition ${partition}`,
      );
    }
    this.#last.set(key, seq);
  }

  get lost(): number {
    let lost = 0;
    for (const [source, lines] of this.#expected) {
      const seen = this.#seen.get(source) ?? new Uint8Array(lines);
      for (let seq = 0; seq < lines; seq++) {
        if (seen[seq] !== 0) continue;
        lost++;
        this.#fault(`${source} ${seq} is missing`);
      }
    }
    return lost;
  }

  /** The verdict in the words of DESIGN.md: everything zero is what users may rely on. */
  verdict(): { lost: number; doubled: number; reordered: number; foreign: number } {
    const { lost, doubles, stepsBack, foreign } = this;
    return { lost, doubled: doubles.length, reordered: stepsBack.length, foreign };
  }

  #fault(text: string): void {
    if (this.faults.length < 10) this.faults.push(text);
  }
}
