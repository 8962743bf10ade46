/** Channels to brokers, opened as the sender opens them. */
import assert from 'node:assert/strict';
import { producerNeeds } from '../../../src/send/api-versions.ts';
import { BrokerChannel } from '../../../src/send/broker-channel.ts';
import { ChannelOpening, type ChannelOptions } from '../../../src/send/open-channel.ts';
import type { Endpoint } from '../../../src/send/sender-config.ts';

export function opening(endpoint: Endpoint, options: Partial<ChannelOptions> = {}): ChannelOpening {
  return new ChannelOpening({
    endpoint,
    origin: 'bootstrap',
    attempt: 0,
    software: { clientId: 'test', version: '0.1.0' },
    needs: producerNeeds(true),
    setupTimeoutMs: 10_000,
    setupTimeoutMaxMs: 30_000,
    random: () => 0.5,
    onClosed: () => undefined,
    ...options,
  });
}

/** The channel that an opening ends with. The caller closes it. */
export async function opened(run: ChannelOpening): Promise<BrokerChannel> {
  const result = await run.run();
  assert.ok(result instanceof BrokerChannel, 'message' in result ? result.message : '');
  return result;
}
