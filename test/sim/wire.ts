/**
 * The bytes of batches in the simulation, kept by the sender's own `BatchMemory`: an arena that only counts, and a socket that reads a batch until
 * its last byte is written or the connection is closed.
 */
import type { ProducerBatch } from '../../src/accumulate/producer-batch.ts';
import type { Arena, Run } from '../../src/ring/arena.ts';
import type { SharedMemory } from '../../src/ring/shared-memory.ts';
import { BatchMemory, type BatchPayload, type SealedBatch } from '../../src/send/batch-memory.ts';
import type { SenderEffect } from '../../src/send/events.ts';
import { demand } from './fault.ts';

type SendProduce = Extract<SenderEffect, { readonly type: 'sendProduce' }>;

const HEADER_BYTES_MIN = 62;

export class Wire {
  readonly #memory: BatchMemory;
  /** Runs of batches that a socket reads. */
  readonly #reading = new Map<Run, number>();
  readonly #freed = new Set<Run>();
  readonly #writing = new Map<number, SendProduce>();

  /** @param real where the batches have bytes; left out: they are made up */
  constructor(real?: { readonly memory: SharedMemory; readonly arena: Arena }) {
    const scratch = Buffer.alloc(HEADER_BYTES_MIN);
    const memory = { buffer: () => scratch } as unknown as SharedMemory;
    const arena = {
      assertLive: (run: Run) => {
        demand(!this.#freed.has(run), 'leaked', () => 'freed, and sent');
        real?.arena.assertLive(run);
      },
      free: (run: Run) => {
        this.#free(run);
        real?.arena.free(run);
      },
    } as unknown as Arena;
    this.#memory = new BatchMemory(real?.memory ?? memory, arena);
  }

  get freed(): number {
    return this.#freed.size;
  }

  send(effect: SendProduce): void {
    this.#writing.set(effect.request, effect);
    for (const { batch } of effect.entries) {
      const { run } = sealed(batch);
      this.#memory.frame(batch, 0);
      this.#reading.set(run as Run, (this.#reading.get(run as Run) ?? 0) + 1);
    }
  }

  written(request: number): void {
    const effect = this.#writing.get(request);
    if (effect === undefined) return;
    this.#writing.delete(request);
    for (const { batch } of effect.entries) {
      this.#reading.delete(sealed(batch).run as Run);
      this.#memory.written(batch);
    }
  }

  /** Its socket is closed: nobody reads any more. */
  closed(connection: number): void {
    for (const [request, effect] of this.#writing) {
      if (effect.connection === connection) this.written(request);
    }
  }

  release(batch: ProducerBatch): void {
    sealed(batch);
    this.#memory.release(batch);
  }

  #free(run: Run): void {
    demand(!this.#reading.has(run), 'leaked', () => 'bytes were freed while a socket read them');
    demand(!this.#freed.has(run), 'leaked', () => 'bytes were freed twice');
    this.#freed.add(run);
  }
}

/** The simulated world knows no bytes: they are made up when somebody asks. */
function sealed(batch: ProducerBatch): SealedBatch {
  const payload = batch.payload as { sealed?: SealedBatch };
  payload.sealed ??= {
    run: { address: 0, bytes: batch.batchBytes, generation: batch.id },
    batchBytes: Math.max(HEADER_BYTES_MIN, batch.batchBytes),
    recordCount: batch.recordCount,
    payloadCrc: 0,
    attributes: 0,
    rawBytes: batch.rawBytes,
    timestampMs: 0,
  } satisfies BatchPayload['sealed'];
  return payload.sealed;
}
