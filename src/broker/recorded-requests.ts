import type { ApiName } from './broker-apis.ts';

/** A request as it reached a node, decoded. */
export interface ArrivedRequest {
  readonly api: ApiName;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly nodeId: number;
  /** Counts the connections of a cluster, from 1. */
  readonly connection: number;
  readonly arrivedMs: number;
  /**
   * The message as its table in src/kafka/messages names it. In the recorded copy record batches are cut after their
   * header, which is what tells attempts apart.
   */
  readonly body: Record<string, unknown>;
}

const BATCH_HEADER_BYTES = 61;

/** The last requests that reached a cluster, oldest first. */
export class RecordedRequests {
  readonly #max: number;
  #requests: ArrivedRequest[] = [];

  /** @param max how many are kept; 0 records nothing */
  constructor(max: number) {
    this.#max = max;
  }

  add(request: ArrivedRequest): void {
    if (this.#max === 0) return;
    this.#requests.push({ ...request, body: copyWithoutRecords(request.body) });
    // Cut seldom, not at every request: the array is moved by it.
    if (this.#requests.length >= 2 * this.#max) this.#requests = this.#requests.slice(-this.#max);
  }

  /** All of them, or those of one API. */
  of(api: ApiName | undefined): ArrivedRequest[] {
    const kept = this.#requests.slice(-this.#max);
    return api === undefined ? kept : kept.filter((request) => request.api === api);
  }
}

/** The frame that the views of a body refer to is used again for the next request, so nothing of it may be kept. */
function copyWithoutRecords(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, copyOf(value)]));
}

function copyOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value.subarray(0, BATCH_HEADER_BYTES));
  if (Array.isArray(value)) return value.map(copyOf);
  if (isStruct(value)) return copyWithoutRecords(value);
  return value;
}

function isStruct(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
