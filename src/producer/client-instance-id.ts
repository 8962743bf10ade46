import { IllegalArgumentError, IllegalStateError, TimeoutError } from './errors.ts';

/** The part of the engine that it takes. */
export interface NamedClient {
  /** Nothing is asked of brokers any more. */
  readonly isClosed: boolean;
  clientInstanceId(timeoutMs: number): Promise<string | undefined>;
}

/**
 * Kafka's `clientInstanceId(Duration)`: the id of KIP-714, which a broker gives to a client that pushes metrics.
 *
 * @param starting undefined when the engine cannot be had
 * @throws {IllegalStateError | IllegalArgumentError | TimeoutError} as a rejection
 */
export async function awaitClientInstanceId(
  starting: Promise<NamedClient | undefined>,
  pushesMetrics: boolean,
  timeoutMs: number,
): Promise<string> {
  if (!pushesMetrics) {
    throw new IllegalStateError(
      'a producer has a client instance id only with enable.metrics.push, which is false here',
    );
  }
  if (!(timeoutMs >= 0)) {
    throw new IllegalArgumentError(
      `clientInstanceId waits for 0 ms or more, not for ${String(timeoutMs)}`,
    );
  }
  const beganMs = performance.now();
  const engine = await starting;
  const id = await engine?.clientInstanceId(Math.max(0, timeoutMs - (performance.now() - beganMs)));
  if (id !== undefined) return id;
  if (engine?.isClosed === true) {
    throw new IllegalStateError(
      'the producer was closed before a broker gave it a client instance id: ask before close',
    );
  }
  throw new TimeoutError(
    `no broker has given this producer a client instance id within ${timeoutMs} ms; those that have a receiver of client metrics do (KIP-714)`,
  );
}
