import assert from 'node:assert/strict';

/** @returns what `run` throws, which must be of `kind` */
export function thrown<E extends Error>(kind: new (...args: never[]) => E, run: () => unknown): E {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof kind, String(error));
    return error;
  }
  return assert.fail(`it was taken, and should have thrown ${kind.name}`);
}
