import { kafkaKeys } from '../../config/kafka-keys.ts';
import type { Presence, Row } from '../../config/rows.ts';

/** What `-X list` prints: every Kafka key with its default, its values and what it is for. */
export function kafkaKeyList(): string {
  const rows: [string, Row<unknown>][] = Object.entries(kafkaKeys);
  const entries = rows.map(([key, row]) => {
    const { presence } = row;
    return `${key} = ${defaultOf(presence)}\n    ${row.type.says}\n    ${firstSentence(row.doc)}\n`;
  });
  return `${entries.join('')}\nMore on each, and keys of other producers: docs/CONFIGURATION.md\n`;
}

function firstSentence(doc: string): string {
  return /^.*?[.:;](?= |$)/.exec(doc)?.[0].replace(/[.:;]$/, '') ?? doc;
}

function defaultOf(presence: Presence): string {
  switch (presence.kind) {
    case 'default':
      return presence.text;
    case 'required':
      return '(required)';
    case 'optional':
    case 'derived':
      return `(${presence.says})`;
  }
}
