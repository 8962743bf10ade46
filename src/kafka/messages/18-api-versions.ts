import { errors } from '../errors.ts';
import { array, boolean, errorCode, int16, int32, int64, string } from '../message-fields.ts';
import { message } from '../message-spec.ts';

/**
 * ApiVersions (API key 18): which APIs and versions a broker speaks. First on every connection.
 * The header of the answer is v0 in all versions, and a broker that does not know the requested version answers
 * UNSUPPORTED_VERSION written as v0, so that the two can always talk.
 * Source: KIP-35, KIP-219, KIP-511 (v3: name of the software), KIP-584 (v3: features), KAFKA-17011 (v4).
 */
export const apiVersions = message({
  apiKey: 18,
  name: 'ApiVersions',
  versions: '0-4',
  flexible: '3+',
  flexibleResponseHeader: 'none',
  answeredVersion: (requested, body) => {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const isRefused = view.byteLength >= 2 && view.getInt16(0) === errors.UNSUPPORTED_VERSION.code;
    return isRefused ? 0 : requested;
  },
  request: {
    clientSoftwareName: string('3+', { ignorable: true }),
    clientSoftwareVersion: string('3+', { ignorable: true }),
  },
  response: {
    errorCode: errorCode('0+'),
    apiKeys: array('0+', {
      apiKey: int16('0+'),
      minVersion: int16('0+'),
      maxVersion: int16('0+'),
    }),
    throttleTimeMs: int32('1+', { ignorable: true }),
    supportedFeatures: array(
      '3+',
      {
        name: string('3+'),
        minVersion: int16('3+'),
        maxVersion: int16('3+'),
      },
      { tag: 0, ignorable: true },
    ),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1n, ignorable: true }),
    finalizedFeatures: array(
      '3+',
      {
        name: string('3+'),
        maxVersionLevel: int16('3+'),
        minVersionLevel: int16('3+'),
      },
      { tag: 2, ignorable: true },
    ),
    zkMigrationReady: boolean('3+', { tag: 3, default: false, ignorable: true }),
  },
});
