import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runProgram } from '../support/foreign-programs.ts';
import { kafkaJars } from '../support/kafka-jars.ts';
import { projectRoot } from '../support/project.ts';

/** Runs a Java source file of test/golden with Kafka's jars and yields what it prints. */
export async function runJava(
  source: string,
  args: readonly string[] = [],
  input = '',
): Promise<string> {
  const { classpath } = await kafkaJars();
  const flags = ['-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8', '-cp', classpath];
  const file = join(projectRoot, 'test/golden', source);
  const { code, stdout, stderr } = await runProgram('java', [...flags, file, ...args], input);
  assert.equal(code, 0, `${source}: ${stderr}`);
  return stdout;
}
