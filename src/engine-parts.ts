/** What the daemon's pipeline and the library's stand on alike: memory, kernel, codec, and what the sender is told. */
import type { Config } from '../config/schema.ts';
import { loadKernel, type Kernel } from './encode/kernel.ts';
import { createCompressor, type Compressor } from './kafka/compression.ts';
import { Arena } from './ring/arena.ts';
import { layoutMemory, type MemoryLayout } from './ring/memory-layout.ts';
import { allocateSharedMemory, type SharedMemory } from './ring/shared-memory.ts';
import type { KafkaSenderOptions } from './send/network-client.ts';
import { canonicalAddresses } from './send/resolve.ts';
import type { SenderConfig } from './send/sender-config.ts';
import { packageVersion } from './shared/package.ts';
import { compressionLevel, senderConfig } from './stage-settings.ts';

export interface EngineParts {
  readonly memory: SharedMemory;
  readonly layout: MemoryLayout;
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly compressor: Compressor;
}

/**
 * @param recordBytesMax longest record that is made of lines, with its overhead; 0 when records come ready
 * @throws {SetupError} when the memory cannot be had
 */
export async function createEngineParts(
  { kafka, workers }: Pick<Config, 'kafka' | 'workers'>,
  recordBytesMax: number,
): Promise<EngineParts> {
  const memory = allocateSharedMemory(kafka.bufferMemory);
  const layout = layoutMemory(kafka.bufferMemory, workers, recordBytesMax);
  const arena = new Arena(memory, { ...layout.arena, guard: guardMode() });
  const kernel = await loadKernel(memory.memory);
  const compressor = createCompressor(kafka.compressionType, compressionLevel(kafka));
  return { memory, layout, arena, kernel, compressor };
}

/**
 * @param topicWaitMaxMs how long a topic that cannot be used is waited for, before the sender stops for good
 * @param outcomesFor whether somebody waits for the outcome of each record, or the sources wait
 */
export function senderParts(
  config: Parameters<typeof senderConfig>[0],
  { memory, arena, compressor }: EngineParts,
  topicWaitMaxMs: number,
  outcomesFor: SenderConfig['outcomesFor'],
): Pick<
  KafkaSenderOptions<unknown>,
  | 'config'
  | 'software'
  | 'setupTimeoutMs'
  | 'setupTimeoutMaxMs'
  | 'memory'
  | 'arena'
  | 'compressionLevel'
  | 'resolveBootstrap'
  | 'metricsLabels'
> {
  const { kafka } = config;
  const isCanonical = kafka.clientDnsLookup === 'resolve_canonical_bootstrap_servers_only';
  return {
    config: senderConfig(config, topicWaitMaxMs, outcomesFor),
    software: { clientId: kafka.clientId, version: packageVersion() },
    setupTimeoutMs: kafka.socketConnectionSetupTimeoutMs,
    setupTimeoutMaxMs: kafka.socketConnectionSetupTimeoutMaxMs,
    memory,
    arena,
    compressionLevel: compressor.level,
    resolveBootstrap: isCanonical ? canonicalAddresses : undefined,
    metricsLabels: kafka.enableMetricsPush ? metricsLabels(kafka) : undefined,
  };
}

/** What pushed metrics say of the producer as a whole, by the names of KIP-714. */
function metricsLabels({
  clientRack,
  transactionalId,
}: Parameters<typeof senderConfig>[0]['kafka']): Readonly<Record<string, string>> {
  return {
    ...(clientRack === '' ? {} : { client_rack: clientRack }),
    ...(transactionalId === undefined ? {} : { transactional_id: transactionalId }),
  };
}

/** Tests run the real thing with every canary checked. */
function guardMode(): 'off' | 'check' {
  return process.env['MILLRACE_ARENA'] === 'check' ? 'check' : 'off';
}
