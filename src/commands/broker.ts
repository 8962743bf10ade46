import { once } from 'node:events';
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import type { ExitReason } from '../shared/exit-codes.ts';
import type { BrokerArgs } from './cli-args.ts';

const HOUSEKEEPING_MS = 1000;

/**
 * `millrace broker`: an embedded cluster until SIGINT or SIGTERM.
 *
 * @throws {SetupError} when a port is taken
 */
export async function broker(args: BrokerArgs): Promise<ExitReason> {
  const cluster = await startEmbeddedBroker({
    host: args.host,
    ports: args.ports,
    topics: args.topics,
    defaultPartitions: args.partitions,
    autoCreate: args.autoCreate,
    discard: args.discard,
  });
  const housekeeping = setInterval(() => {
    cluster.expireTransactions();
    cluster.expireProducers();
  }, HOUSEKEEPING_MS);
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  process.stdout.write(greeting(cluster.bootstrap, args));
  await stopped;
  clearInterval(housekeeping);
  await cluster.close();
  return 'ok';
}

function greeting(bootstrap: string, args: BrokerArgs): string {
  const topic = Object.keys(args.topics)[0] ?? 'demo';
  const lines = [
    `embedded broker at ${bootstrap}, ${args.discard ? 'keeping no record' : 'in memory only'}`,
    `  write: echo hello | millrace produce -b ${bootstrap} -t ${topic}`,
    `         echo hello | kcat -P -b ${bootstrap} -t ${topic}`,
    ...(args.discard ? [] : [`  read:  kcat -C -b ${bootstrap} -t ${topic} -o beginning -e`]),
    '  Ctrl-C ends it, and all records with it',
  ];
  return `${lines.join('\n')}\n`;
}
