import { Producer, type CompressionAlgorithmValue } from '@platformatic/kafka';

/** @platformatic/kafka as both benches use it: idempotent, acks=all. */
export function platformaticProducer(bootstrap: string, codec: string): Producer {
  return new Producer({
    clientId: 'bench',
    bootstrapBrokers: bootstrap.split(','),
    idempotent: true,
    acks: -1,
    compression: codec as CompressionAlgorithmValue,
    autocreateTopics: false,
  });
}
