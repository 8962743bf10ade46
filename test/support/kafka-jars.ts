import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './project.ts';

const run = promisify(execFile);

export interface KafkaJars {
  /** Version of the kafka-clients jar, such as `4.1.0`. */
  readonly version: string;
  readonly classpath: string;
  readonly clientsJar: string;
}

let jars: Promise<KafkaJars> | undefined;

/** Apache Kafka's jars: from `KAFKA_HOME` when set, otherwise from Maven Central by test/support/kafka-pom.xml (once, then from the cache). */
export function kafkaJars(): Promise<KafkaJars> {
  jars ??= locateJars();
  return jars;
}

async function locateJars(): Promise<KafkaJars> {
  const home = process.env['KAFKA_HOME'];
  const files = home === undefined ? await fromMaven() : fromHome(join(home, 'libs'));
  const clientsJar = files.find((file) => /^kafka-clients-[\d.]+\.jar$/.test(basename(file)));
  if (clientsJar === undefined) throw new Error(`no kafka-clients jar among ${files.join(':')}`);
  const version = basename(clientsJar).slice('kafka-clients-'.length, -'.jar'.length);
  return { version, classpath: files.join(':'), clientsJar };
}

function fromHome(libs: string): string[] {
  return readdirSync(libs).map((name) => join(libs, name));
}

async function fromMaven(): Promise<string[]> {
  const pom = join(projectRoot, 'test/support/kafka-pom.xml');
  const cache = join(projectRoot, '.cache');
  const list = join(cache, 'kafka.classpath');
  if (existsSync(list) && statSync(list).mtimeMs > statSync(pom).mtimeMs) {
    const files = readFileSync(list, 'utf8').trim().split(':');
    if (files.every((file) => existsSync(file))) return files;
  }
  mkdirSync(cache, { recursive: true });
  const part = `${list}.${String(process.pid)}`;
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath';
  try {
    await run('mvn', ['-q', '-B', '-f', pom, goal, `-Dmdep.outputFile=${part}`]);
  } catch (cause) {
    const fix = 'Fix: install Maven (in Debian: apt install maven), or set KAFKA_HOME to a Kafka';
    throw new Error(`Kafka's jars cannot be had: ${String(cause)}. ${fix}`, { cause });
  }
  renameSync(part, list);
  return readFileSync(list, 'utf8').trim().split(':');
}
