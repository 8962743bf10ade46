import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '../kafka/errors.ts';
import { partitionKey } from './broker-api.ts';
import type { OpenAnswer, OpenRequest, RequestContext } from './broker-api.ts';
import type { FaultAction } from './faults.ts';

/** What the connection does when a request has been dealt with. */
export type Reply =
  /** An empty list is no answer. The connection is not read for `muteMs` afterwards. */
  | { readonly kind: 'send'; readonly fragments: readonly Uint8Array[]; readonly muteMs: number }
  | { readonly kind: 'sendAndClose'; readonly fragment: Uint8Array }
  | { readonly kind: 'close' }
  | { readonly kind: 'goDumb' };

/**
 * Deals with one request as the fault says, or plainly.
 *
 * @param contextOf made when the request is really carried out, which a delay puts off
 * @param isNodeDown a request that was put off until the node was down is never carried out
 */
export async function carryOut(
  request: OpenRequest,
  fault: FaultAction | undefined,
  contextOf: () => RequestContext,
  isNodeDown: () => boolean,
): Promise<Reply> {
  if (fault === undefined) return reply(await request.answer(contextOf()));
  switch (fault.kind) {
    case 'answerError':
      return reply(request.refuse(errors[fault.error].code, contextOf()));
    case 'answerPartitionError': {
      const key = partitionKey(fault.topic, fault.partition);
      const partitionErrors = new Map([[key, errors[fault.error].code]]);
      return reply(await request.answer({ ...contextOf(), partitionErrors }));
    }
    case 'delay':
      await sleep(fault.ms, undefined, { ref: false });
      return isNodeDown() ? { kind: 'close' } : reply(await request.answer(contextOf()));
    case 'close':
      return { kind: 'close' };
    case 'hang':
      return { kind: 'goDumb' };
    case 'answerErrorAfterwards':
      await request.answer(contextOf());
      return reply(request.refuse(errors[fault.error].code, contextOf()));
    case 'loseAnswer':
      await request.answer(contextOf());
      return { kind: 'close' };
    case 'editAnswer':
    case 'delayAnswer':
    case 'throttle':
    case 'cutAnswer':
      return answerFaultily(await request.answer(contextOf()), fault);
  }
}

type FaultyAnswer = Extract<
  FaultAction,
  {
    kind: 'editAnswer' | 'delayAnswer' | 'throttle' | 'cutAnswer';
  }
>;

/** The request has been carried out; what goes wrong is the answer. */
async function answerFaultily(answer: OpenAnswer | undefined, fault: FaultyAnswer): Promise<Reply> {
  if (answer === undefined) return reply(undefined);
  switch (fault.kind) {
    case 'editAnswer':
      return reply(answer.edited(fault.edit));
    case 'delayAnswer':
      await sleep(fault.ms, undefined, { ref: false });
      return reply(answer);
    case 'throttle': {
      const throttled = answer.edited((body) => {
        body['throttleTimeMs'] = fault.ms;
      });
      return { kind: 'send', fragments: throttled.encode(), muteMs: fault.ms };
    }
    case 'cutAnswer': {
      const fragment = Buffer.concat(answer.encode()).subarray(0, fault.bytes);
      return { kind: 'sendAndClose', fragment };
    }
  }
}

function reply(answer: OpenAnswer | undefined): Reply {
  return { kind: 'send', fragments: answer?.encode() ?? [], muteMs: 0 };
}
