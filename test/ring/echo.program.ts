/** A thread that answers every descriptor of the submission ring with one of the completion ring. Ends with its process. */
import { parentPort, workerData } from 'node:worker_threads';
import { Doorbell, waitForDescriptor } from '../../src/ring/ring-wait.ts';
import { RingReader, RingWriter } from '../../src/ring/ring.ts';
import { adoptSharedMemory } from '../../src/ring/shared-memory.ts';
import { present } from '../../src/shared/assert.ts';
import type { EchoSetup } from './echo.ts';

const {
  memory: wasmMemory,
  submission,
  completion,
  doorbell: doorbellAddress,
} = workerData as EchoSetup;
const memory = adoptSharedMemory(wasmMemory);
const submissions = new RingReader(memory, submission);
const completions = new RingWriter(memory, completion);
const doorbell = new Doorbell(memory, doorbellAddress);
// `waitAsync` keeps no thread alive.
parentPort?.on('message', () => undefined);

for (;;) {
  let slot = submissions.peek();
  while (slot === undefined) {
    await waitForDescriptor(submissions);
    slot = submissions.peek();
  }
  const number = memory.data.getUint32(slot, true);
  const last = memory.data.getUint32(slot + 124, true);
  const answer = present(completions.claim(), 'main has no more open than a ring holds');
  memory.data.setUint32(answer, number, true);
  memory.data.setUint32(answer + 124, ~last, true);
  completions.commit();
  submissions.release();
  doorbell.ring();
}
