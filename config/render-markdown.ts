import { keysElsewhere, librdkafkaSynonyms } from './kafka-keys-elsewhere.ts';
import { libraryKeys } from './library-keys.ts';
import type { AnyNode, Nodes, Presence, Row, Section } from './rows.ts';
import { rules } from './rules.ts';
import { schema } from './schema.ts';

/** docs/CONFIGURATION.md, whole. */
export function renderMarkdown(): string {
  const { kafka, inputs, log, ...own } = schema.rows;
  const parts = [
    head,
    '## Own keys\n',
    ...Object.entries(own).map(([key, row]) => rowText(key, row)),
    `## log\n\n${log.doc}\n`,
    ...nodeTexts(log, 'log.'),
    `## inputs\n\n${inputs.doc}\n`,
    ...Object.entries(inputs.of).flatMap(([kind, section]) => [
      `### ${kind}\n\n${section.doc}\n`,
      ...nodeTexts(section, ''),
    ]),
    `## kafka\n\n${kafka.doc} Also as \`-X name=value\` on the command line.\n`,
    ...nodeTexts(kafka, ''),
    '## Keys of the library alone\n\nFor `new Producer` of [the library](PRODUCER.md). The daemon refuses them.\n',
    ...Object.entries(libraryKeys).map(([key, row]) => rowText(key, row)),
    `## Rules between keys\n\n${rules.map(({ says }) => `- ${says}`).join('\n')}\n`,
    synonymTable(),
    notApplicableTable(),
  ];
  return parts.join('\n');
}

const head = `# Configuration

<!-- Made from config/schema.ts by \`npm run generate\`: do not edit. -->

\`\`\`yaml
kafka:
  bootstrap.servers: localhost:9092
  compression.type: zstd
inputs:
  - tail: { paths: [/var/log/app/*.log], topic: logs }
  - socket: { path: /run/millrace/ingest.sock, topic: events }
\`\`\`

Our own keys are nested, so \`log.level\` below is \`level\` under \`log:\`, and \`headers.host\` is \`host\` under \`headers:\`; those that stand alone, such as \`state.dir\`, are
written as they are. Under \`kafka:\` stand Kafka's own names, dots and all. \`millrace validate -c FILE\` checks a file and names
every fault in it with line, column and fix. Examples are in config/examples/; config/schema.json is the same for editors:
\`# yaml-language-server: $schema=…/config/schema.json\` as the first line of a file.

Stronger than the file is the environment, and stronger than that are flags:

| where | how | example |
| --- | --- | --- |
| file | YAML | \`kafka: { linger.ms: 5 }\` |
| environment | \`MILLRACE__PATH\`: two underscores between levels, one for a dot | \`MILLRACE__KAFKA__LINGER_MS=5\` |
| \`--set\` | \`path=value\`; entries of lists by number | \`--set inputs.0.tail.from=end\` |
| \`-X\` | \`name=value\`, Kafka's keys | \`-X linger.ms=5\` |

Times of our own keys may have a unit (\`ms\`, \`s\`, \`m\`, \`h\`), and so may sizes (\`KiB\`, \`MiB\`, \`GiB\`, \`KB\`, \`MB\`, \`GB\`). Kafka's keys are plain numbers
of milliseconds and bytes, as everywhere, and none goes above 2147483647, which is 24 days. A relative path in the file starts at the folder of the file, in a flag at the working folder.
`;

function nodeTexts(section: Section<Nodes>, prefix: string): string[] {
  return Object.entries(section.rows).flatMap(([key, node]: [string, AnyNode]) => {
    if (node.kind === 'row') return [rowText(`${prefix}${key}`, node)];
    return node.kind === 'section' ? nodeTexts(node, `${prefix}${key}.`) : [];
  });
}

function rowText(key: string, row: Row<unknown>): string {
  const { type, presence, importance, doc, differs } = row;
  const values = row.many === 'list' ? `list of: ${type.says}` : type.says;
  const lines = [
    `#### ${key}\n`,
    `${doc}\n`,
    `- values: ${values}`,
    `- ${defaultText(presence)}`,
    `- importance: ${importance}`,
    ...(differs === undefined ? [] : [`- differs from Kafka: ${differs}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function defaultText(presence: Presence): string {
  switch (presence.kind) {
    case 'required':
      return `required, such as \`${presence.example}\``;
    case 'optional':
    case 'derived':
      return `default: ${presence.says}`;
    case 'default':
      return `default: \`${presence.text}\``;
  }
}

function synonymTable(): string {
  const rows = Object.entries(librdkafkaSynonyms).map(
    ([name, { of, says }]) => `| \`${name}\` | \`${of}\`${says === undefined ? '' : `, ${says}`} |`,
  );
  const title = "## librdkafka's names\n\nTaken under \`kafka:\` and after \`-X\`, with a note.\n";
  return `${title}\n| name | taken as |\n| --- | --- |\n${rows.join('\n')}\n`;
}

function notApplicableTable(): string {
  const byReason = new Map<string, string[]>();
  for (const [name, { daemon, library }] of Object.entries(keysElsewhere)) {
    const own = library === daemon ? '' : (library ?? 'it has the key');
    const reasons = `${daemon} | ${own}`;
    byReason.set(reasons, [...(byReason.get(reasons) ?? []), name]);
  }
  const rows = [...byReason].map(
    ([reasons, names]) => `| ${names.map((name) => `\`${name}\``).join(', ')} | ${reasons} |`,
  );
  const title =
    '## Keys that do not apply\n\nKnown from other producers, and refused with the reason.\n';
  return `${title}\n| keys | why | in the library, where it differs |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}
