/** Calls `then` once, `delayMs` from now, or at the end of the turn for 0. @returns what takes it back */
export function later(delayMs: number, then: () => void): () => void {
  if (delayMs > 0) {
    const timer = setTimeout(then, delayMs);
    return () => {
      clearTimeout(timer);
    };
  }
  const immediate = setImmediate(then);
  return () => {
    clearImmediate(immediate);
  };
}
