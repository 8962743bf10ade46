import { copyInto } from '../../src/shared/copy-into.ts';
import type { MicroRow } from '../micro-row.ts';

const SIZES = [100, 1000, 10_000];
const MEMORY_BYTES = 1 << 20;
const COPIES = 100_000;

/** A value into shared memory, where V8 has it and where it has to go: as the library copies it, and as a typed array does. */
export function copyIntoBench(): MicroRow[] {
  const memory = Buffer.from(new SharedArrayBuffer(MEMORY_BYTES));
  return SIZES.flatMap((bytes) => [
    row(`value into the ring, ${bytes} bytes`, bytes, (value, at) => {
      copyInto(memory, value, at);
    }),
    row(`the same by TypedArray.set, ${bytes} bytes`, bytes, (value, at) => {
      memory.set(value, at);
    }),
  ]);
}

function row(name: string, bytes: number, copy: (value: Buffer, at: number) => void): MicroRow {
  const values = Array.from({ length: 64 }, (_, index) => Buffer.alloc(bytes, index));
  let best = Infinity;
  for (let repeat = 0; repeat < 5; repeat++) {
    const started = performance.now();
    let at = 0;
    for (let turn = 0; turn < COPIES; turn++) {
      copy(values[turn % values.length] ?? Buffer.alloc(0), at);
      // As records follow each other: at any address.
      at = at + bytes + 9 < MEMORY_BYTES - bytes ? at + bytes + 9 : 0;
    }
    best = Math.min(best, performance.now() - started);
  }
  return { name, value: (best / COPIES) * 1e6, unit: 'ns' };
}
