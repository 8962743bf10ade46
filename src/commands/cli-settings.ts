import { kafkaKeys } from '../../config/kafka-keys.ts';
import type { Row } from '../../config/rows.ts';

/** What `-X list` prints: every Kafka key with its default, its values and what it is for. */
export function kafkaKeyList(): string {
  const rows: [string, Row<unknown>][] = Object.entries(kafkaKeys);
  const entries = rows.map(([key, row]) => {
    const { presence } = row;
    const fallback = presence.kind === 'default' ? presence.text : undefined;
    const said = fallback ?? (presence.kind === 'required' ? 'required' : presence.says);
    return `${key} = ${said}\n    ${row.type.says}\n    ${firstSentence(row.doc)}\n`;
  });
  return `${entries.join('')}\nMore on each, and keys of other producers: docs/CONFIGURATION.md\n`;
}

export function firstSentence(doc: string): string {
  return /^.*?[.:;](?= |$)/.exec(doc)?.[0].replace(/[.:;]$/, '') ?? doc;
}
