/** Effects that are requests: framed, sent, counted, and their answers handed back as events. */
import { produce } from '../kafka/messages/00-produce.ts';
import { fetch } from '../kafka/messages/01-fetch.ts';
import { listOffsets } from '../kafka/messages/02-list-offsets.ts';
import { metadata } from '../kafka/messages/03-metadata.ts';
import { initProducerId } from '../kafka/messages/22-init-producer-id.ts';
import { describeProducers } from '../kafka/messages/61-describe-producers.ts';
import {
  describeProducersRequest,
  initProducerIdRequest,
  metadataAnswered,
  metadataRequest,
  produceAnswered,
  producerIdAnswered,
  produceRequest,
  producersDescribed,
  produceVersionMax,
} from './answers.ts';
import type { BatchMemory } from './batch-memory.ts';
import type { BrokerChannel } from './broker-channel.ts';
import type {
  ReadHeaders,
  SenderEffect,
  SenderEvent,
  SendListOffsets,
  SendProduce,
} from './events.ts';
import type { ProducerMeters } from './producer-meters.ts';
import {
  fetchVersionMax,
  headersRequest,
  latestOffset,
  latestOffsetRequest,
  readHeaders,
} from './log-reader.ts';
import { sendTransactionRequest } from './transaction-messages.ts';

export type RequestEffect = Extract<SenderEffect, { readonly request: number }>;

export interface RequestSenderOptions {
  readonly memory: BatchMemory;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
  readonly emit: (event: SenderEvent) => void;
  readonly meters: ProducerMeters;
}

export interface RequestCounts {
  readonly requestsSent: number;
  /** Of them Produce. */
  readonly produceRequestsSent: number;
  /** Sent again ones included. */
  readonly batchesSent: number;
  /** Produce requests that wait for their answer. */
  readonly requestsInFlight: number;
  /** From framing to answer of Produce: smoothed (each new one counts an eighth), and the longest. 0 before the first. */
  readonly latencyMs: number;
  readonly latencyMaxMs: number;
  /** Throttle times in the answers to Produce (KIP-219): on average over all answers, and the longest. */
  readonly throttleAvgMs: number;
  readonly throttleMaxMs: number;
}

const LATENCY_WEIGHT = 1 / 8;

export class RequestSender {
  readonly #options: RequestSenderOptions;
  #requestsSent = 0;
  #produceRequestsSent = 0;
  #batchesSent = 0;
  #requestsInFlight = 0;
  #latencyMs = 0;
  #latencyMaxMs = 0;
  #answers = 0;
  #throttleMs = 0;
  #throttleMaxMs = 0;

  constructor(options: RequestSenderOptions) {
    this.#options = options;
  }

  counts(): RequestCounts {
    return {
      requestsSent: this.#requestsSent,
      produceRequestsSent: this.#produceRequestsSent,
      batchesSent: this.#batchesSent,
      requestsInFlight: this.#requestsInFlight,
      latencyMs: this.#latencyMs,
      latencyMaxMs: this.#latencyMaxMs,
      throttleAvgMs: this.#throttleMs / Math.max(1, this.#answers),
      throttleMaxMs: this.#throttleMaxMs,
    };
  }

  send(channel: BrokerChannel, effect: RequestEffect): void {
    const { emit } = this.#options;
    const { request } = effect;
    this.#requestsSent += 1;
    switch (effect.type) {
      case 'sendProduce':
        return this.#sendProduce(channel, effect);
      case 'sendMetadata':
        return channel.request(metadata, metadataRequest(effect), {
          answered: (response) => emit(metadataAnswered(request, response)),
        });
      case 'sendInitProducerId':
        return channel.request(initProducerId, initProducerIdRequest(), {
          answered: (response) => emit(producerIdAnswered(request, response)),
        });
      case 'sendDescribeProducers':
        return channel.request(describeProducers, describeProducersRequest(effect), {
          answered: (response) => emit(producersDescribed(effect, response)),
        });
      case 'sendListOffsets':
        return this.#sendListOffsets(channel, effect);
      case 'readHeaders':
        return this.#readHeaders(channel, effect);
      case 'sendTransactionRequest':
        return sendTransactionRequest(channel, effect.content, (answer, throttleMs) =>
          emit({ type: 'transactionAnswered', request, throttleMs, answer }),
        );
    }
  }

  #sendProduce(channel: BrokerChannel, effect: SendProduce): void {
    const { memory, nowMs, wallMs, emit, meters } = this.#options;
    const { entries, request, acks } = effect;
    const sentMs = nowMs();
    this.#produceRequestsSent += 1;
    this.#batchesSent += entries.length;
    for (const { batch } of entries) {
      meters.batchSent(batch.recordCount, sentMs - batch.createdMs, sentMs);
    }
    const message = produceRequest(effect, ({ batch, freshTimestamp }) =>
      memory.frame(batch, freshTimestamp ? wallMs() : undefined),
    );
    const written = (whole: boolean): void => {
      for (const { batch } of entries) memory.written(batch);
      if (acks === 0 && whole) emit({ type: 'produceWritten', request });
    };
    const versionMax = produceVersionMax(effect);
    if (acks === 0) return channel.request(produce, message, { versionMax, written });
    this.#requestsInFlight += 1;
    channel.request(produce, message, {
      versionMax,
      written,
      answered: (response) => {
        this.#requestsInFlight -= 1;
        const answeredMs = nowMs();
        const latencyMs = answeredMs - sentMs;
        this.#noteLatency(latencyMs);
        meters.answered(effect.node, latencyMs, response.throttleTimeMs, answeredMs);
        this.#noteThrottle(response.throttleTimeMs);
        emit(produceAnswered(request, entries, response));
      },
      lost: () => {
        this.#requestsInFlight -= 1;
      },
    });
  }

  #sendListOffsets(channel: BrokerChannel, effect: SendListOffsets): void {
    const { emit } = this.#options;
    channel.request(listOffsets, latestOffsetRequest(effect, effect.replicaId), {
      answered: (response) => {
        const { errorCode, offset } = latestOffset(response, effect);
        const throttleMs = response.throttleTimeMs;
        emit({ type: 'offsetListed', request: effect.request, throttleMs, errorCode, offset });
      },
    });
  }

  #readHeaders(channel: BrokerChannel, effect: ReadHeaders): void {
    const { emit } = this.#options;
    const { request, fromOffset, producerId } = effect;
    channel.request(fetch, headersRequest(effect, fromOffset), {
      versionMax: fetchVersionMax(effect),
      answered: (response) => {
        const read = readHeaders(response, effect, fromOffset);
        emit({
          type: 'headersRead',
          ...{ request, throttleMs: response.throttleTimeMs, errorCode: read.errorCode },
          ...{ logStartOffset: read.logStartOffset, nextOffset: read.nextOffset },
          headers: read.headers.filter((header) => header.producerId === producerId),
        });
      },
    });
  }

  #noteThrottle(ms: number): void {
    this.#answers += 1;
    this.#throttleMs += ms;
    this.#throttleMaxMs = Math.max(this.#throttleMaxMs, ms);
  }

  #noteLatency(ms: number): void {
    this.#latencyMs += this.#latencyMs === 0 ? ms : (ms - this.#latencyMs) * LATENCY_WEIGHT;
    this.#latencyMaxMs = Math.max(this.#latencyMaxMs, ms);
  }
}
