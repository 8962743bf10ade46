import type { CodecName } from '../../src/kafka/compression.ts';

/** What the prototype's main thread and its workers tell each other. */
export interface PrototypeTask {
  readonly memory: WebAssembly.Memory;
  readonly file: string;
  readonly fileBytes: number;
  readonly codec: CodecName;
  /** One counter for all workers: which chunk of the file is the next. */
  readonly nextChunk: SharedArrayBuffer;
}

/** A sealed batch in the worker's memory. The slot is posted back when the broker has it. */
export interface MadeBatch {
  readonly slot: number;
  readonly address: number;
  readonly bytes: number;
}

export const MEMORY_BYTES = 32 << 20;
