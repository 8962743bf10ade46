/** Resolves when the signal is given; at once where it was. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const options = { once: true };
    signal.addEventListener('abort', () => resolve(), options);
  });
}
