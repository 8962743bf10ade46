/** What a producer tells without being asked. */
import { EventEmitter } from 'node:events';
import type { LineFields, Telemetry } from '../shared/telemetry.ts';
import { KafkaError } from './errors.ts';
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
  /** A call other than for a record was rejected: of a transaction, say. Its promise says so too. */
  callFailed: [KafkaError];
  interceptorFailed: [InterceptorFault];
  /** It has stopped for good: every record has failed, or will. Make another one. */
  fatal: [KafkaError];
  closed: [];
}

export type EventListener<Name extends keyof ProducerEvents> = (
  ...event: ProducerEvents[Name]
) => void;

/** What the engine would write into a log, as notices. */
export function noticeTelemetry(
  tell: (level: ProducerNotice['level'], code: string, message: string, fields: LineFields) => void,
): Telemetry {
  const say =
    (level: ProducerNotice['level']): Telemetry['info'] =>
    (code, message, fields = {}) => {
      tell(level, code, message, fields);
    };
  return {
    ...{ info: say('info'), warn: say('warn'), error: say('error') },
    close: () => Promise.resolve(),
  };
}

/** Listeners by the names of events. One that throws keeps the event from nobody. */
export class EventListeners {
  readonly #emitter = new EventEmitter();

  add<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): void {
    this.#emitter.on(name, listener as (...event: unknown[]) => void);
  }

  remove<Name extends keyof ProducerEvents>(name: Name, listener: EventListener<Name>): void {
    this.#emitter.off(name, listener as (...event: unknown[]) => void);
  }

  /** A call of the producer: a rejection that nobody handles is an event, and does not end the process. */
  heard<T>(call: Promise<T>): Promise<T> {
    call.catch((error: unknown) => {
      const told =
        error instanceof KafkaError ? error : new KafkaError(String(error), { cause: error });
      this.tell('callFailed', told);
    });
    return call;
  }

  tell<Name extends keyof ProducerEvents>(name: Name, ...event: ProducerEvents[Name]): void {
    for (const listener of this.#emitter.listeners(name)) {
      callOwn(listener as EventListener<Name>, ...event);
    }
  }
}
