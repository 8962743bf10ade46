/**
 * A descriptor ring in shared memory: one writer, one reader. Each index has its own pair of cache lines, so that the two sides do not pull a
 * line from each other with every step.
 *
 *     0        tail: descriptors ever committed; the writer's
 *     128      head: descriptors ever released; the reader's
 *     256      waiting: 1 while the reader sleeps until the tail moves
 *     384      slots, SLOT_BYTES each
 *
 * Indices grow without end (32 bits, wrapping); index modulo SLOT_COUNT is the slot.
 */
export const LINE_BYTES = 128;
export const TAIL_OFFSET = 0;
export const HEAD_OFFSET = LINE_BYTES;
export const WAITING_OFFSET = 2 * LINE_BYTES;
export const SLOTS_OFFSET = 3 * LINE_BYTES;

/** A power of two, more than the tasks that a worker ever has in flight. */
export const SLOT_COUNT = 8;
export const SLOT_BYTES = LINE_BYTES;
export const RING_BYTES = SLOTS_OFFSET + SLOT_COUNT * SLOT_BYTES;
