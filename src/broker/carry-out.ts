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
    case 'editAnswer':
    case 'delayAnswer':
    case 'throttle':
    case 'loseAnswer':
    case 'cutAnswer':
      return answerFaultily(await request.answer(contextOf()), fault);
  }
}

type FaultyAnswer = Extract<
  FaultAction,
  {
    kind:
      | 'answerErrorAfterwards'
      | 'editAnswer'
      | 'delayAnswer'
      | 'throttle'
      | 'loseAnswer'
      | 'cutAnswer';
  }
>;

/** The request has been carried out; what goes wrong is the answer. */
async function answerFaultily(answer: OpenAnswer | undefined, fault: FaultyAnswer): Promise<Reply> {
  if (answer === undefined) return reply(undefined);
  switch (fault.kind) {
    case 'answerErrorAfterwards':
      setErrorCodes(answer.body, errors[fault.error].code);
      return reply(answer);
    case 'editAnswer':
      fault.edit(answer.body);
      return reply(answer);
    case 'delayAnswer':
      await sleep(fault.ms, undefined, { ref: false });
      return reply(answer);
    case 'throttle':
      answer.body['throttleTimeMs'] = fault.ms;
      return { kind: 'send', fragments: answer.encode(), muteMs: fault.ms };
    case 'loseAnswer':
      return { kind: 'close' };
    case 'cutAnswer': {
      const fragment = Buffer.concat(answer.encode()).subarray(0, fault.bytes);
      return { kind: 'sendAndClose', fragment };
    }
  }
}

function reply(answer: OpenAnswer | undefined): Reply {
  return { kind: 'send', fragments: answer?.encode() ?? [], muteMs: 0 };
}

/** Puts the error wherever the answer has room for one; with an error there is no offset. */
function setErrorCodes(part: unknown, errorCode: number): void {
  if (Array.isArray(part)) {
    for (const element of part) setErrorCodes(element, errorCode);
  } else if (isStruct(part)) {
    if ('errorCode' in part) part['errorCode'] = errorCode;
    if ('baseOffset' in part) part['baseOffset'] = -1n;
    for (const value of Object.values(part)) setErrorCodes(value, errorCode);
  }
}

function isStruct(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
}
