/** A worker thread that plays one side of a scenario of waking and sleeping, under a schedule. */
import { isMainThread, workerData } from 'node:worker_threads';
import { layoutMemory } from '../../src/ring/memory-layout.ts';
import { Doorbell, waitForDescriptor } from '../../src/ring/ring-wait.ts';
import { RingReader, RingWriter } from '../../src/ring/ring.ts';
import { adoptSharedMemory, type SharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';
import { playRounds, type Actor, type Control } from './interleaving.ts';

/**
 * - ring: a worker sleeps on its submission ring
 * - doorbell: main sleeps on the bell that a worker rings after a completion
 * - careless: as `ring`, but the reader sleeps on the tail as it is now, not as it was when it found the ring empty
 */
export type Scenario = 'ring' | 'doorbell' | 'careless';

export interface ActorSetup {
  readonly control: Control;
  readonly memory: WebAssembly.Memory;
  readonly scenario: Scenario;
  readonly actor: Actor;
  readonly descriptors: number;
}

function writing(memory: SharedMemory, { scenario, descriptors }: ActorSetup): () => void {
  const { ring, bell } = placesIn(memory);
  const writer = new RingWriter(memory, ring);
  const doorbell = new Doorbell(memory, bell);
  return () => {
    for (let count = 0; count < descriptors; count += 1) {
      present(writer.claim(), 'so few fit');
      writer.commit();
      if (scenario === 'doorbell') doorbell.ring();
    }
  };
}

function reading(memory: SharedMemory, { scenario, descriptors }: ActorSetup): () => Promise<void> {
  const { ring, bell } = placesIn(memory);
  const reader = new RingReader(memory, ring);
  const doorbell = new Doorbell(memory, bell);
  return async () => {
    for (let count = 0; count < descriptors; count += 1) {
      for (;;) {
        const seen = scenario === 'doorbell' ? doorbell.read() : 0;
        if (reader.peek() !== undefined) break;
        if (scenario === 'doorbell') await doorbell.wait(seen);
        else if (scenario === 'ring') await waitForDescriptor(reader);
        else await carelessWait(reader);
      }
      reader.release();
    }
  };
}

async function carelessWait(reader: RingReader): Promise<void> {
  const { words, word, flag } = reader.sleepWords;
  const seen = Atomics.load(words, word);
  Atomics.store(words, flag, 1);
  const wait = Atomics.waitAsync(words, word, seen);
  if (wait.async) await wait.value;
  Atomics.store(words, flag, 0);
}

export function placesIn(memory: SharedMemory): { readonly ring: number; readonly bell: number } {
  const layout = layoutMemory(memory.bytes.length, 1);
  const rings = present(layout.rings[0], 'one worker has rings');
  return { ring: rings.submission, bell: layout.doorbell };
}

if (!isMainThread) {
  const setup = workerData as ActorSetup;
  const memory = adoptSharedMemory(setup.memory);
  setInterval(() => undefined, 2 ** 30);
  const prepare = setup.actor === 0 ? writing : reading;
  await playRounds(setup.control, setup.actor, () => prepare(memory, setup));
}
