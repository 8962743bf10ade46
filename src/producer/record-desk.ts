import { RecordWriter } from '../kafka/record-writer.ts';
import { copyInto } from '../shared/copy-into.ts';

/** In the nearest cache, with those of some other batches. */
const DESK_BYTES = 8192;
/** What is longer goes into the arena at once: copying it twice costs more than it saves. */
const RECORD_BYTES_MAX = 512;
/** Desks that an engine has, 128 KB. Batches that are begun when all are taken do without. */
const DESKS_MAX = 16;

/**
 * Where the records of an open batch are written, before they go into the arena in one piece: into memory that threads share V8 copies byte by
 * byte, so that 100 bytes take twice as long there (docs/decisions/producer-speed.md).
 */
export class RecordDesk {
  readonly #bytes = Buffer.alloc(DESK_BYTES);
  readonly writer = new RecordWriter(this.#bytes);
  /** Bytes that lie on it: the last ones of the batch, which the arena does not have yet. */
  length = 0;

  /** @param bytesMax enough for the record, as `checkSize` says */
  static takes(bytesMax: number): boolean {
    return bytesMax <= RECORD_BYTES_MAX;
  }

  hasRoom(bytesMax: number): boolean {
    return this.length + bytesMax <= DESK_BYTES;
  }

  /** Copies what lies on it to `at`, and is empty. */
  clear(memory: Buffer, at: number): void {
    copyInto(memory, this.#bytes.subarray(0, this.length), at);
    this.length = 0;
  }
}

/** Desks that no open batch has. */
export class RecordDesks {
  readonly #free: RecordDesk[] = [];
  #made = 0;

  take(): RecordDesk | undefined {
    const desk = this.#free.pop();
    if (desk !== undefined || this.#made === DESKS_MAX) return desk;
    this.#made += 1;
    return new RecordDesk();
  }

  /** What lies on it is forgotten. */
  give(desk: RecordDesk): void {
    desk.length = 0;
    this.#free.push(desk);
  }
}
