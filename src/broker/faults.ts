import type { KafkaErrorName } from '../kafka/errors.ts';
import type { Decoded, Fields } from '../kafka/message-fields.ts';
import type { MessageSpec } from '../kafka/message-spec.ts';
import { assert } from '../shared/assert.ts';
import type { ApiName } from './broker-apis.ts';
import type { ArrivedRequest } from './recorded-requests.ts';

/** What a control rule makes of a request instead of the plain answer. */
export type FaultAction =
  /** Nothing is done, every part of the answer carries the error. */
  | { readonly kind: 'answerError'; readonly error: KafkaErrorName }
  /** Produce only: that partition carries the error and is not written to, the others are as ever. */
  | {
      readonly kind: 'answerPartitionError';
      readonly topic: string;
      readonly partition: number;
      readonly error: KafkaErrorName;
    }
  /** The request is carried out, every part of the answer carries the error all the same. */
  | { readonly kind: 'answerErrorAfterwards'; readonly error: KafkaErrorName }
  /** The request is carried out and its answer is changed in place. */
  | { readonly kind: 'editAnswer'; readonly edit: (body: Record<string, unknown>) => void }
  /** The request is carried out that much later; the connection serves nothing else meanwhile. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request is carried out, its answer is sent that much later. */
  | { readonly kind: 'delayAnswer'; readonly ms: number }
  /** The answer says so in throttleTimeMs, and the connection is not read for that long (KIP-219). */
  | { readonly kind: 'throttle'; readonly ms: number }
  /** The connection is closed, nothing is done. */
  | { readonly kind: 'close' }
  /** The request is carried out and the connection closed instead of an answer. */
  | { readonly kind: 'loseAnswer' }
  /** The request is carried out, that many bytes of the answer are sent, then the connection is closed. */
  | { readonly kind: 'cutAnswer'; readonly bytes: number }
  /** Nothing is done or answered, the connection stays open and dumb. */
  | { readonly kind: 'hang' };

/** Looks at a request and says what is to go wrong with it; undefined: nothing. */
export type ControlRule = (request: ArrivedRequest) => FaultAction | undefined;

/** Every part of the answer carries `error`, and nothing is done. */
export function answer(error: KafkaErrorName): FaultAction {
  return { kind: 'answerError', error };
}

/** In Produce: `topic`-`partition` is refused with `error`, the rest of the request is carried out. */
export function answerPartition(
  topic: string,
  partition: number,
  error: KafkaErrorName,
): FaultAction {
  return { kind: 'answerPartitionError', topic, partition, error };
}

/** The request is carried out and `error` answered: REQUEST_TIMED_OUT and the like, where the records are in. */
export function answerAfterwards(error: KafkaErrorName): FaultAction {
  return { kind: 'answerErrorAfterwards', error };
}

/**
 * The answer is changed by `edit` before it is sent: stale metadata, a leader hint, a wrong offset.
 *
 * @param spec of the API that the rule is for
 */
export function editAnswer<Request extends Fields, Response extends Fields>(
  _spec: MessageSpec<Request, Response>,
  edit: (answer: Decoded<Response>) => void,
): FaultAction {
  return { kind: 'editAnswer', edit: (body) => edit(body as Decoded<Response>) };
}

/** Carried out `ms` later. */
export function delay(ms: number): FaultAction {
  return { kind: 'delay', ms };
}

/** Carried out now, answered `ms` later. */
export function delayAnswer(ms: number): FaultAction {
  return { kind: 'delayAnswer', ms };
}

/** Answered with that throttle time, then the connection is muted for as long. */
export function throttle(ms: number): FaultAction {
  return { kind: 'throttle', ms };
}

/** Closed before anything is done. */
export const closeConnection: FaultAction = { kind: 'close' };

/** Carried out, then closed without a byte of the answer. */
export const loseAnswer: FaultAction = { kind: 'loseAnswer' };

/** Carried out, then closed after `bytes` bytes of the answer's frame. */
export function cutAnswer(bytes: number): FaultAction {
  return { kind: 'cutAnswer', bytes };
}

/** Never answered; the connection stays open. */
export const hang: FaultAction = { kind: 'hang' };

/** The first `count` requests. */
export function times(count: number, action: FaultAction): ControlRule {
  let left = count;
  return () => {
    if (left === 0) return undefined;
    left -= 1;
    return action;
  };
}

/** The next request. */
export function once(action: FaultAction): ControlRule {
  return times(1, action);
}

/** Every request, until the rule is removed. */
export function always(action: FaultAction): ControlRule {
  return () => action;
}

/** Every request as long as `condition` holds for it. */
export function whilst(
  condition: (request: ArrivedRequest) => boolean,
  action: FaultAction,
): ControlRule {
  return (request) => (condition(request) ? action : undefined);
}

/** One action after the other; `undefined` lets one request pass. */
export function inTurn(...actions: readonly (FaultAction | undefined)[]): ControlRule {
  let turn = 0;
  return () => actions[turn++];
}

/** Only requests that reach this node. */
export function onNode(nodeId: number, rule: ControlRule): ControlRule {
  return (request) => (request.nodeId === nodeId ? rule(request) : undefined);
}

interface RequestCut {
  readonly bytes: number;
  left: number;
}

/** The control rules in force: what is to go wrong, by API. The rule that was added first and has an action wins. */
export class Faults {
  readonly #rules = new Map<ApiName, Set<ControlRule>>();
  readonly #requestCuts = new Map<ApiName, RequestCut>();

  /** @returns takes the rule away again */
  add(api: ApiName, rule: ControlRule): () => void {
    const rules = this.#rules.get(api) ?? new Set();
    this.#rules.set(api, rules.add(rule));
    return () => rules.delete(rule);
  }

  /** The next `count` requests of the API are read for `bytes` bytes of their frame, then the connection is closed. */
  cutRequests(api: ApiName, bytes: number, count: number): void {
    assert(bytes >= 8, 'the first 8 bytes of a frame say which API it is for');
    this.#requestCuts.set(api, { bytes, left: count });
  }

  actionFor(request: ArrivedRequest): FaultAction | undefined {
    for (const rule of this.#rules.get(request.api) ?? []) {
      const action = rule(request);
      if (action !== undefined) return action;
    }
    return undefined;
  }

  /** How much of a frame that has begun to arrive may be read; undefined: all of it. Counts as one of the cuts. */
  takeRequestCut(api: ApiName): number | undefined {
    const cut = this.#requestCuts.get(api);
    if (cut === undefined || cut.left === 0) return undefined;
    cut.left -= 1;
    return cut.bytes;
  }

  clear(): void {
    this.#rules.clear();
    this.#requestCuts.clear();
  }
}
