import { X509Certificate } from 'node:crypto';
import { badInput, DoorbusterError } from '../../core/errors.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../../core/text-file.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import type { KafkaAccess, KafkaSecurity } from '../clients/endpoints.ts';
import { kafkaProblem } from '../clients/kafka-admin.ts';
import { kafkaRefusal } from '../clients/kafka-security.ts';

/** Values of `kafka_security` that the environment may have, and secrets that only it has. */
interface SecurityValues {
  /** Path of a PEM file. */
  readonly ca: () => string | undefined;
  readonly username: () => string;
  readonly password: () => string;
}

const KEY = 'stack.external.kafka_security';

/** Undefined for a cluster without TLS and without SASL. Throws DoorbusterError (exit 2) for a CA file that is none. */
export function kafkaSecurityOf(
  { tls, ca, sasl, flinkConnector }: ExternalUse['kafkaSecurity'],
  values: SecurityValues,
): KafkaSecurity | undefined {
  if (!tls && sasl === 'none') return undefined;
  const file = tls ? (ca ?? values.ca()) : undefined;
  return {
    tls: tls ? { ca: file === undefined ? null : certificatesIn(file) } : null,
    sasl:
      sasl === 'none'
        ? null
        : { mechanism: sasl, username: values.username(), password: values.password() },
    flinkConnector,
  };
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, without other text in it; a private key may be there as well. */
function certificatesIn(file: string): string {
  const hint = `${KEY}.ca, or DOORBUSTER_KAFKA_CA: a PEM file with the certificate of the CA`;
  const text = readTextFile(file, { limitBytes: WRITTEN_BY_HAND, hint });
  const found = text.match(PEM) ?? [];
  if (found.length === 0) throw badInput(`${file} has no certificate in PEM`, hint);
  for (const one of found) {
    try {
      new X509Certificate(one);
    } catch {
      throw badInput(`${file} has a certificate that cannot be read`, hint);
    }
  }
  return found.join('\n');
}

/**
 * Throws DoorbusterError (exit 2) if no broker answers, the cluster refuses the client, or its certificate is not trusted.
 * `silent`: the error for servers that do not answer as Kafka does.
 */
export async function checkKafka(
  kafka: KafkaAccess,
  silent: (what: string) => Promise<DoorbusterError>,
): Promise<void> {
  const problem = await kafkaProblem(kafka);
  if (problem === null) return;
  const refusal = kafkaRefusal(problem);
  if (refusal !== null) {
    throw badInput(`Kafka at ${kafka.brokers.join(', ')} ${refusal.fact}`, refusal.hint);
  }
  const { tls, sasl } = kafka.security ?? { tls: null, sasl: null };
  const shown = `${tls === null ? 'without' : 'with'} TLS and ${sasl === null ? 'without' : 'with'} SASL`;
  const error = await silent(`a Kafka listener ${shown}`);
  throw new DoorbusterError(error.message, {
    exitCode: error.exitCode,
    hint: `${error.hint}; TLS and SASL: ${KEY}`,
    cause: problem,
  });
}
