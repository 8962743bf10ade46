import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kafkaJars } from '../support/kafka-jars.ts';
import { projectRoot } from '../support/project.ts';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a Java source file of test/golden with Kafka's jars and yields what it prints. */
export async function runJava(source: string, ...args: string[]): Promise<string> {
  const { classpath } = await kafkaJars();
  const file = join(projectRoot, 'test/golden', source);
  const { stdout } = await run(
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', classpath, file, ...args],
    {
      maxBuffer: OUTPUT_BYTES_MAX,
    },
  );
  return stdout;
}
