import { fileURLToPath } from 'node:url';
import { extname } from 'node:path';
import { node24 } from '../test/support/project.ts';
import { LINGER_MS } from './load-shape.ts';

/** A program of bench/peers on Node 24, from source or compiled as this file is. */
export function peerCommand(name: string, ...args: readonly string[]): string[] {
  const file = new URL(`./peers/${name}${extname(import.meta.url)}`, import.meta.url);
  return [node24, fileURLToPath(file), ...args];
}

/** One of Kafka's own tools. */
export function javaCommand(classpath: string, tool: string, ...args: readonly string[]): string[] {
  return ['java', '-Xmx1g', '-cp', classpath, `org.apache.kafka.tools.${tool}`, ...args];
}

/** Of Kafka's producer, as `name=value`. */
export const javaSettings: readonly string[] = [
  'acks=all',
  'enable.idempotence=true',
  `linger.ms=${LINGER_MS}`,
  'batch.size=1000000',
];
