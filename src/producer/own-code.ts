/**
 * Functions of the application, called in the middle of ours. What one throws comes up as an uncaught exception, as out of any callback in Node,
 * but a moment later: whatever called it is done then, and the producer goes on for whoever handles such exceptions.
 */

/** Calls `run` with what is given. */
export function callOwn<Given extends unknown[]>(
  run: (...given: Given) => unknown,
  ...given: Given
): void {
  try {
    run(...given);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
