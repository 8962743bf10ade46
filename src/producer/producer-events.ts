/** What a producer tells without being asked. */
import { EventEmitter } from 'node:events';
import type { LineFields } from '../shared/telemetry.ts';
import type { KafkaError } from './errors.ts';
import type { InterceptorFault } from './interceptors.ts';
import { callOwn } from './own-code.ts';

/** Something happened that an operator wants to know: brokers that cannot be reached, a topic that is missing. */
export interface ProducerNotice {
  readonly level: 'info' | 'warn' | 'error';
  /** Stable, and meant for searching: `brokersUnreachable`. */
  readonly code: string;
  readonly message: string;
  readonly fields: LineFields;
}

/** Events of a producer. None has to be listened to. */
export interface ProducerEvents {
  notice: [ProducerNotice];
  /** A record failed; its promise or callback says so too. */
  recordFailed: [KafkaError];
  interceptorFailed: [InterceptorFault];
  /** It has stopped for good: every record has failed, or will. Make another one. */
  fatal: [KafkaError];
  closed: [];
}

export type EventListener<Name extends keyof ProducerEvents> = (
  ...event: ProducerEvents[Name]
) => void;

/** Listeners by the names of events. One that throws keeps the event from nobody. */
export class EventListeners {
  readonly #emitter = new EventEmitter();

  add<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): void {
    this.#emitter.on(name, listener as (...event: unknown[]) => void);
  }

  remove<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): void {
    this.#emitter.off(name, listener as (...event: unknown[]) => void);
  }

  tell<Name extends keyof ProducerEvents>(name: Name, ...event: ProducerEvents[Name]): void {
    for (const listener of this.#emitter.listeners(name)) {
      callOwn(listener as EventListener<Name>, ...event);
    }
  }
}
