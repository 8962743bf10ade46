import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaJars } from './kafka-jars.ts';
import { kcatPartitions } from './kcat.ts';
import { until } from './until.ts';

const JVM_FLAGS = ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

/**
 * Holds a JVM that cannot outlive us: the shell prints the JVM's pid, waits for the end of its own standard input
 * (which the kernel closes when we die, however we die), then kills the JVM.
 */
const LEASH =
  '"$@" </dev/null >>"$LOG" 2>&1 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; ' +
  // Whoever held it was killed: nobody else takes the data away.
  '(sleep 2; kill -0 $PPID 2>/dev/null || rm -rf "$FOLDER") >/dev/null 2>&1 &';

export interface KafkaOptions {
  readonly brokers: 1 | 3;
  readonly autoCreateTopics?: boolean;
  /** Further broker properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** broker.rack of each broker. */
  readonly racks?: readonly string[];
  /** Folder of classes that the brokers' properties name. */
  readonly plugins?: string;
}

interface KafkaNode {
  readonly id: number;
  readonly port: number;
  readonly folder: string;
  readonly properties: string;
  leash: ChildProcess | undefined;
  pid: number;
}

/** A real Apache Kafka in KRaft mode, on loopback, with its data in a temporary folder that goes when it stops. */
export class KafkaCluster {
  readonly bootstrap: string;
  readonly folder: string;
  readonly #nodes: readonly KafkaNode[];
  readonly #classpath: string;

  constructor(folder: string, nodes: readonly KafkaNode[], classpath: string) {
    this.folder = folder;
    this.#nodes = nodes;
    this.#classpath = classpath;
    this.bootstrap = nodes.map((node) => `127.0.0.1:${String(node.port)}`).join(',');
  }

  get nodeIds(): number[] {
    return this.#nodes.map((node) => node.id);
  }

  portOf(id: number): number {
    return this.#node(id).port;
  }

  /** Where a broker keeps the segments of a partition. */
  logFolder(id: number, topic: string, partition: number): string {
    return join(this.#node(id).folder, 'data', `${topic}-${String(partition)}`);
  }

  async startNode(id: number): Promise<void> {
    const node = this.#node(id);
    const java = ['java', ...JVM_FLAGS, '-cp', this.#classpath, 'kafka.Kafka', node.properties];
    const leash = spawn('sh', ['-c', LEASH, 'leash', ...java], {
      env: { ...process.env, LOG: join(node.folder, 'broker.log'), FOLDER: this.folder },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(leash.stdout, 'data')) as [Buffer];
    node.leash = leash;
    node.pid = Number(line.toString());
  }

  /** Waits until every running node takes connections and knows all running brokers. */
  async ready(timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (const node of this.#nodes.filter((candidate) => candidate.leash !== undefined)) {
      while (!(await accepts(node.port))) {
        if (Date.now() > deadline || !isAlive(node.pid)) break;
        await sleep(100);
      }
      if (!isAlive(node.pid) || !(await accepts(node.port)))
        throw new Error(`broker ${String(node.id)} is not there: ${this.logTail(node.id)}`);
    }
  }

  /** Sends a signal to a broker's JVM: SIGKILL, SIGSTOP, SIGCONT or SIGTERM. */
  async signal(id: number, signal: NodeJS.Signals): Promise<void> {
    const node = this.#node(id);
    process.kill(node.pid, signal);
    if (signal !== 'SIGKILL' && signal !== 'SIGTERM') return;
    while (isAlive(node.pid)) await sleep(20);
    node.leash?.stdin?.end();
    node.leash = undefined;
  }

  /** Runs one of Kafka's own Java tools against this cluster and gives what it printed. */
  async tool(mainClass: string, args: readonly string[], input?: string): Promise<string> {
    return (await this.toolBytes(mainClass, args, input)).toString();
  }

  /** The same, byte for byte. */
  async toolBytes(mainClass: string, args: readonly string[], input?: string): Promise<Buffer> {
    const child = spawn('java', [
      '-Xmx256m',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      this.#classpath,
      mainClass,
      ...args,
    ]);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
    child.stdin.end(input ?? '');
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) {
      const said = Buffer.concat([...stdout, ...stderr]).toString();
      throw new Error(`${mainClass} ${args.join(' ')}: exit ${String(code)}\n${said}`);
    }
    return Buffer.concat(stdout);
  }

  /** @param options.assignment the brokers of each partition, the preferred leader first, in place of `partitions` and `replicas` */
  async createTopic(
    topic: string,
    options: (
      { partitions: number; replicas?: number } | { assignment: readonly (readonly number[])[] }
    ) & { config?: Readonly<Record<string, string>> },
  ): Promise<void> {
    const config = Object.entries(options.config ?? {}).flatMap(([k, v]) => [
      '--config',
      `${k}=${v}`,
    ]);
    const where =
      'assignment' in options
        ? ['--replica-assignment', options.assignment.map((ids) => ids.join(':')).join(',')]
        : [
            ...['--partitions', String(options.partitions)],
            ...['--replication-factor', String(options.replicas ?? this.#nodes.length)],
          ];
    await this.#topics('--create', '--topic', topic, ...where, ...config);
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#topics('--delete', '--topic', topic);
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    await this.#topics('--alter', '--topic', topic, '--partitions', String(partitions));
  }

  /**
   * Changes settings that Kafka takes while it runs, by kafka-configs.sh.
   *
   * @param entity such as `['--entity-type', 'clients', '--entity-name', 'loader']`
   * @param settings by name; undefined takes one back
   */
  async configure(
    entity: readonly string[],
    settings: Readonly<Record<string, string | undefined>>,
  ): Promise<void> {
    const changes = Object.entries(settings).flatMap(([name, value]) =>
      value === undefined ? ['--delete-config', name] : ['--add-config', `${name}=${value}`],
    );
    const server = ['--bootstrap-server', this.bootstrap];
    await this.tool('kafka.admin.ConfigCommand', [...server, '--alter', ...entity, ...changes]);
  }

  /** Leader of each partition, by partition number, as the cluster itself describes it. */
  async leaders(topic: string): Promise<number[]> {
    const text = await this.#topics('--describe', '--topic', topic);
    const found = [...text.matchAll(/Partition: (\d+)\s+Leader: (\S+)/g)];
    return found.sort((a, b) => Number(a[1]) - Number(b[1])).map((match) => Number(match[2]));
  }

  /**
   * Moves the leaders of a topic's partitions, by reassignments with the new leader as first replica and a preferred election.
   *
   * @param leaders of each partition, by partition number
   */
  async moveLeaders(topic: string, leaders: readonly number[]): Promise<void> {
    const plan = join(this.folder, `plan-${randomUUID()}.json`);
    const partitions = leaders.map((leader, partition) => ({
      topic,
      partition,
      replicas: [leader, ...this.nodeIds.filter((id) => id !== leader)],
    }));
    writeFileSync(plan, JSON.stringify({ version: 1, partitions }));
    const reassign = 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand';
    const server = ['--bootstrap-server', this.bootstrap];
    await this.tool(reassign, [...server, '--reassignment-json-file', plan, '--execute']);
    const elect = ['--election-type', 'preferred', '--path-to-json-file', plan];
    await this.tool('org.apache.kafka.tools.LeaderElectionCommand', [...server, ...elect]);
  }

  /** Offsets of a topic that a group has committed, by partition number, as kafka-consumer-groups.sh has them. */
  async committedOffsets(group: string, topic: string): Promise<number[]> {
    const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
    const server = ['--bootstrap-server', this.bootstrap];
    const text = await this.tool(tool, [...server, '--describe', '--group', group]);
    const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
    const own = rows.filter(([, of]) => of === topic);
    const byPartition = own.sort(([, , a], [, , b]) => Number(a) - Number(b));
    return byPartition.map(([, , , offset]) => Number(offset));
  }

  /** Partitions of all topics with fewer replicas in sync than min.insync.replicas asks for. */
  async underMinIsr(): Promise<number> {
    const text = await this.#topics('--describe', '--under-min-isr-partitions');
    return [...text.matchAll(/Partition: \d+/g)].length;
  }

  /** Waits until every replica is in sync: a broker may go only when the others have what it has. */
  async untilInSync(timeoutMs = 60_000): Promise<void> {
    await until(async () => {
      const partitions = await kcatPartitions(this.bootstrap);
      return partitions.every(({ replicas, inSync }) => inSync.length === replicas.length);
    }, timeoutMs);
  }

  logTail(id: number): string {
    return readFileSync(join(this.#node(id).folder, 'broker.log'), 'utf8').slice(-2000);
  }

  /** Kills every broker and removes the data. */
  async stop(): Promise<void> {
    const held = this.#nodes.filter((node) => node.leash !== undefined);
    await Promise.all(
      held.map(async (node) => {
        if (isAlive(node.pid)) await this.signal(node.id, 'SIGKILL');
        node.leash?.stdin?.end();
      }),
    );
    rmSync(this.folder, { recursive: true, force: true });
  }

  #topics(...args: string[]): Promise<string> {
    return this.tool('org.apache.kafka.tools.TopicCommand', [
      '--bootstrap-server',
      this.bootstrap,
      ...args,
    ]);
  }

  #node(id: number): KafkaNode {
    const node = this.#nodes.find((candidate) => candidate.id === id);
    if (node === undefined) throw new Error(`no broker ${String(id)} in this cluster`);
    return node;
  }
}

/** Starts one or three brokers and waits until they answer. The caller stops them; if it dies, so do they. */
export async function startKafka(options: KafkaOptions): Promise<KafkaCluster> {
  const { classpath: jars } = await kafkaJars();
  const classpath = options.plugins === undefined ? jars : `${options.plugins}:${jars}`;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  const ids = Array.from({ length: options.brokers }, (_, index) => index + 1);
  const ports = await freePorts(ids.length * 2);
  const voters = ids
    .map((id) => `${String(id)}@127.0.0.1:${String(ports[id - 1 + ids.length])}`)
    .join(',');
  const nodes = ids.map((id): KafkaNode => {
    const nodeFolder = join(folder, String(id));
    mkdirSync(join(nodeFolder, 'data'), { recursive: true });
    const properties = join(nodeFolder, 'server.properties');
    const [port, controllerPort] = [ports[id - 1] ?? 0, ports[id - 1 + ids.length] ?? 0];
    writeFileSync(
      properties,
      nodeProperties(options, id, port, controllerPort, voters, nodeFolder),
    );
    return { id, port, folder: nodeFolder, properties, leash: undefined, pid: 0 };
  });
  format(nodes, classpath);
  const cluster = new KafkaCluster(folder, nodes, classpath);
  try {
    await Promise.all(ids.map((id) => cluster.startNode(id)));
    await cluster.ready();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

function nodeProperties(
  options: KafkaOptions,
  id: number,
  port: number,
  controllerPort: number,
  voters: string,
  folder: string,
): string {
  const replicas = String(options.brokers);
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': voters,
    listeners: `PLAINTEXT://127.0.0.1:${String(port)},CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${String(port)}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': String(options.autoCreateTopics ?? false),
    'default.replication.factor': replicas,
    'min.insync.replicas': options.brokers === 3 ? '2' : '1',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': options.brokers === 3 ? '2' : '1',
    'offsets.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'broker.heartbeat.interval.ms': '500',
    'broker.session.timeout.ms': '3000',
    'log.segment.bytes': '134217728',
    ...(options.racks === undefined ? {} : { 'broker.rack': options.racks[id - 1] ?? '' }),
    ...options.properties,
  };
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** Formats the first node's folder and derives the others from it: only the node's and the directory's own ids differ. */
function format(nodes: readonly KafkaNode[], classpath: string): void {
  const [first, ...rest] = nodes;
  if (first === undefined) throw new Error('a cluster has at least one node');
  const args = ['format', '-t', kafkaUuid(), '-c', first.properties];
  const tool = [...JVM_FLAGS, '-cp', classpath, 'kafka.tools.StorageTool', ...args];
  const done = spawnSync('java', tool, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`formatting failed: ${done.stdout}${done.stderr}`);
  for (const node of rest) {
    cpSync(join(first.folder, 'data'), join(node.folder, 'data'), { recursive: true });
    const meta = join(node.folder, 'data', 'meta.properties');
    const text = readFileSync(meta, 'utf8')
      .replace(/^node\.id=.*$/m, `node.id=${String(node.id)}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${kafkaUuid()}`);
    writeFileSync(meta, text);
  }
}

/** A random id in Kafka's spelling: 16 bytes, base64url, never beginning with a dash (tools would take it for an option). */
function kafkaUuid(): string {
  const text = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  return text.startsWith('-') ? kafkaUuid() : text;
}

/** Where the system takes no ports for connections that go out: a broker that is down for a while finds its own one free again. */
const PORTS = { from: 10_000, to: 32_000 };

/** Ports that are free now, all held at once so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  while (servers.length < count) {
    const server = createServer();
    server.listen(randomInt(PORTS.from, PORTS.to), '127.0.0.1');
    try {
      await once(server, 'listening');
      servers.push(server);
    } catch {
      // Taken: another one then.
    }
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
