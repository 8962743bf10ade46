const TOPIC_NAME_CHARACTERS_MAX = 249;

/** What Kafka allows, for messages. */
export const TOPIC_NAME_RULE = '1 to 249 characters out of a-z A-Z 0-9 . _ -';

/**
 * Why Kafka takes no topic of this name, or undefined.
 * Source: org.apache.kafka.common.internals.Topic.
 */
export function topicNameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return '. and .. are names of folders';
  if (name.length > TOPIC_NAME_CHARACTERS_MAX) return `it has ${name.length} characters`;
  const odd = /[^a-zA-Z0-9._-]/u.exec(name)?.[0];
  return odd === undefined ? undefined : `it contains ${JSON.stringify(odd)}`;
}
