/** The core's reports as lines for people: a level, a code to search for, one sentence, and fields. */
import { assert } from '../shared/assert.ts';
import { counted } from '../shared/counted.ts';
import { problemText, type SenderReport } from './reports.ts';

export type LineFields = Readonly<Record<string, string | number | boolean>>;

/** Where the sender says what an operator wants to know. `code` is stable, the message is not. */
export interface SenderTelemetry {
  info(code: string, message: string, fields: LineFields): void;
  warn(code: string, message: string, fields: LineFields): void;
  error(code: string, message: string, fields: LineFields): void;
}

type Level = keyof SenderTelemetry;
type Line = readonly [level: Level, message: string];

/** Says one report. */
export function sayReport(telemetry: SenderTelemetry, report: SenderReport): void {
  const [level, message] = lineOf(report);
  telemetry[level](report.kind, message, fieldsOf(report));
}

/** The scalar fields of a report; lists are told in the message. */
function fieldsOf(report: SenderReport): LineFields {
  const fields: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(report) as [string, unknown][]) {
    if (name === 'kind' || name === 'message') continue;
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
  }
  return fields;
}

function lineOf(report: SenderReport): Line {
  switch (report.kind) {
    case 'brokersUnreachable':
    case 'brokersReachable':
    case 'brokerLost':
    case 'brokerBack':
    case 'rebootstrapped':
    case 'requestTimedOut':
    case 'throttled':
      return brokerLine(report);
    case 'producerIdDenied':
      return ['error', `${report.error}: ${report.message}`];
    case 'producerIdGranted':
      return ['info', `there is a producer id after ${seconds(report.afterMs)}`];
    case 'topicProblem':
      return ['error', `topic ${report.topic} ${problemText[report.problem]}: ${report.message}`];
    case 'topicUsable':
      return [
        'info',
        `topic ${report.topic} can be used, ${counted(report.partitions, 'partition')}`,
      ];
    case 'topicRecreated':
      return ['warn', `topic ${report.topic} was deleted and created again`];
    case 'batchRetried':
    case 'partitionParked':
    case 'partitionResumed':
    case 'settleStarted':
    case 'settleStalled':
    case 'settled':
    case 'dataLossSuspected':
      return partitionLine(report);
    case 'fatal':
      return ['error', `the sender has stopped: ${report.error}: ${report.message}`];
  }
}

type KindOf<Kind extends SenderReport['kind']> = Extract<SenderReport, { readonly kind: Kind }>;

function brokerLine(
  report: KindOf<
    | 'brokersUnreachable'
    | 'brokersReachable'
    | 'brokerLost'
    | 'brokerBack'
    | 'rebootstrapped'
    | 'requestTimedOut'
    | 'throttled'
  >,
): Line {
  switch (report.kind) {
    case 'brokersUnreachable': {
      assert(report.attempts.length > 0, 'unreachable brokers were tried');
      const reasons = report.attempts.map(({ message }) => message).join(' | ');
      return ['error', `no broker can be reached, trying on: ${reasons}`];
    }
    case 'brokersReachable':
      return ['info', `brokers can be reached again after ${seconds(report.afterMs)}`];
    case 'brokerLost':
      return ['warn', `broker ${report.node} cannot be reached, trying on: ${report.message}`];
    case 'brokerBack':
      return ['info', `broker ${report.node} is back after ${seconds(report.afterMs)}`];
    case 'rebootstrapped':
      return ['warn', report.message];
    case 'requestTimedOut':
      return [
        'warn',
        `broker ${report.node} did not answer ${report.api} within ${seconds(report.afterMs)} (request.timeout.ms): the connection is closed`,
      ];
    case 'throttled':
      return ['warn', `broker ${report.node} throttles for ${report.throttleMs} ms (quota)`];
  }
}

function partitionLine(
  report: KindOf<
    | 'batchRetried'
    | 'partitionParked'
    | 'partitionResumed'
    | 'settleStarted'
    | 'settleStalled'
    | 'settled'
    | 'dataLossSuspected'
  >,
): Line {
  const name = `${report.topic}-${report.partition}`;
  switch (report.kind) {
    case 'batchRetried':
      return ['info', `${name}: ${report.error}, attempt ${report.attempts} failed, trying on`];
    case 'partitionParked':
      return [
        'error',
        `${name} is parked, tried again now and then: ${report.error}: ${report.message}`,
      ];
    case 'partitionResumed':
      return ['info', `${name} goes on`];
    case 'settleStarted':
      return [
        'info',
        `${name}: asking the broker for the fate of ${counted(report.batches, 'batch', 'batches')} (${report.cause})`,
      ];
    case 'settleStalled':
      return ['warn', `${name}: the fate of batches is still open: ${report.message}`];
    case 'settled':
      return [
        'info',
        `${name} is settled after ${seconds(report.afterMs)}: ${report.duplicates} already in, ${report.resent} sent again`,
      ];
    case 'dataLossSuspected':
      return [
        'error',
        `${name}: the broker lost up to ${counted(report.recordsMax, 'acknowledged record')}: ${report.message}`,
      ];
  }
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
