import type { AnyNode, Nodes, Row, Section } from './rows.ts';
import { schema } from './schema.ts';
import type { JsonSchema } from './value-types.ts';

/** For editors: completion and checks while typing. What it cannot say (units, rules between keys), `millrace validate` says. */
export function renderJsonSchema(): string {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of millrace',
    ...schemaOf(schema),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function schemaOf(node: AnyNode): JsonSchema {
  if (node.kind === 'row') return rowSchema(node);
  if (node.kind === 'section') return sectionSchema(node);
  const entries = Object.entries(node.of).map(([kind, section]) => ({
    type: 'object',
    description: section.doc,
    properties: { [kind]: sectionSchema(section) },
    required: [kind],
    additionalProperties: false,
  }));
  return { description: node.doc, type: 'array', minItems: 1, items: { oneOf: entries } };
}

function sectionSchema(section: Section<Nodes>): JsonSchema {
  const rows = Object.entries(section.rows);
  const synonyms = Object.entries(section.synonyms ?? {}).map(([name, { of, says }]) => [
    name,
    {
      deprecated: true,
      description: `librdkafka's name for ${of}${says === undefined ? '' : `, ${says}`}`,
    },
  ]);
  const required = rows.filter(([, node]) => isRequired(node)).map(([key]) => key);
  return {
    description: section.doc,
    type: 'object',
    properties: {
      ...Object.fromEntries(rows.map(([key, node]) => [key, schemaOf(node)])),
      ...Object.fromEntries(synonyms),
    },
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/** Of a section, when something in it is. */
function isRequired(node: AnyNode): boolean {
  if (node.kind === 'row') return node.presence.kind === 'required';
  return node.kind === 'variants' || Object.values(node.rows).some(isRequired);
}

function rowSchema(row: Row<unknown>): JsonSchema {
  const one = row.type.jsonSchema;
  const list = { type: 'array', minItems: 1, items: one };
  const { presence } = row;
  return {
    description: row.doc,
    ...(row.many === 'list' ? { anyOf: [list, one] } : one),
    ...(presence.kind === 'default' ? { default: valueOf(presence.text) } : {}),
  };
}

function valueOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?[1-9]\d*$|^0$/.test(text) ? Number(text) : text;
}
