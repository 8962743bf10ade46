/** Whether a topic can be waited for, as far as the brokers say. */
import type { TopicView } from '../send/topic-view.ts';
import { InvalidTopicError, TopicAuthorizationError, type KafkaError } from './errors.ts';

/** Of one call. A permission may have been granted since it was missing: what brokers answered before the call says nothing about it. */
export interface PermissionWait {
  answersBefore: number | undefined;
}

/** What no waiting would mend. */
export function refusalOf(
  topic: string,
  known: TopicView | undefined,
  permission: PermissionWait,
): KafkaError | undefined {
  const about = { topic };
  permission.answersBefore ??= known?.problemAnswers ?? 0;
  if (known?.problem === 'notAuthorized' && known.problemAnswers > permission.answersBefore) {
    return new TopicAuthorizationError(
      `${topic}: no permission to describe or write it: allow both to the user of this producer, then send again`,
      about,
    );
  }
  if (known?.problem !== 'invalidName') return undefined;
  return new InvalidTopicError(`${topic}: the brokers do not take this name`, about);
}
