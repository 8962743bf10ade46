/** Thrown by `assert`: an invariant of ours does not hold. Never caught to go on: the process says so and stops. */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/**
 * States an invariant. A failure is a bug of millrace, never an outcome of its surroundings.
 *
 * @throws {Bug} when `condition` is false
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Bug(invariant);
}

/** Narrows away `undefined` and `null` where an invariant says that there is a value. */
export function present<T>(value: T | undefined | null, invariant: string): T {
  if (value === undefined || value === null) throw new Bug(invariant);
  return value;
}
