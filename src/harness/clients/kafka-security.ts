import { isIP } from 'node:net';
import type { ConnectionOptions } from '@platformatic/kafka';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import type { KafkaAccess, KafkaSecurity } from './endpoints.ts';

/** The access of a secured cluster in the options of each client: kafkajs, @platformatic/kafka and Flink's connector. */

/** Options of kafkajs. */
export function kafkajsSecurity({ security }: KafkaAccess): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  if (security === undefined) return {};
  const { tls, sasl } = security;
  return {
    ...(tls === null ? {} : { ssl: tls.ca === null ? true : { ca: [tls.ca] } }),
    ...(sasl === null ? {} : { sasl: kafkajsSasl(sasl) }),
  };
}

function kafkajsSasl({
  mechanism,
  username,
  password,
}: NonNullable<KafkaSecurity['sasl']>): SASLOptions {
  // One union member per mechanism in the types of the library.
  return { mechanism, username, password } as SASLOptions;
}

/** Names of the mechanisms in the protocol. */
const PROTOCOL_NAMES = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const;

/** Options of @platformatic/kafka. */
export function platformaticSecurity({
  brokers,
  security,
}: KafkaAccess): Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'> {
  if (security === undefined) return {};
  const { tls, sasl } = security;
  // TLS has no server name for an address.
  const named = brokers.every((broker) => isIP(new URL(`tcp://${broker}`).hostname) === 0);
  return {
    ...(tls === null
      ? {}
      : {
          tls: tls.ca === null ? {} : { ca: [tls.ca] },
          ...(named ? { tlsServerName: true } : {}),
        }),
    ...(sasl === null
      ? {}
      : {
          sasl: {
            mechanism: PROTOCOL_NAMES[sasl.mechanism],
            username: sasl.username,
            password: sasl.password,
          },
        }),
  };
}

/** The SQL jar of Flink's connector contains Kafka's classes under another package. */
const PACKAGES = {
  sql: 'org.apache.flink.kafka.shaded.org.apache.kafka',
  plain: 'org.apache.kafka',
} as const satisfies Readonly<Record<KafkaSecurity['flinkConnector'], string>>;

/** Options of a source of Flink's connector, in the order of the statement. They contain the password. */
export function flinkKafkaOptions({ security }: KafkaAccess): Readonly<Record<string, string>> {
  if (security === undefined) return {};
  const { tls, sasl, flinkConnector } = security;
  const protocol = `${sasl === null ? '' : 'SASL_'}${tls === null ? 'PLAINTEXT' : 'SSL'}`;
  const options = {
    'security.protocol': protocol,
    ...(sasl === null
      ? {}
      : {
          'sasl.mechanism': PROTOCOL_NAMES[sasl.mechanism],
          'sasl.jaas.config': jaas(sasl, PACKAGES[flinkConnector]),
        }),
    ...(tls?.ca == null
      ? {}
      : { 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': tls.ca.trim() }),
  };
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [`properties.${key}`, value]),
  );
}

function jaas(
  { mechanism, username, password }: NonNullable<KafkaSecurity['sasl']>,
  classes: string,
): string {
  const module = mechanism === 'plain' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule';
  return `${classes}.common.security.${module} required username="${jaasQuoted(username)}" password="${jaasQuoted(password)}";`;
}

/** Text between the double quotes of a JAAS configuration. */
export function jaasQuoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

/** Why a cluster refuses a client, or a client the cluster: what another attempt does not change. */
interface KafkaRefusal {
  readonly fact: string;
  readonly hint: string;
}

const CERTIFICATE_HINT =
  'stack.external.kafka_security.ca, or DOORBUSTER_KAFKA_CA: a PEM file with the certificate of its CA';

/** Refusals by the code, the type or the name of an error, which is anywhere in its chain of causes. */
const REFUSALS: Readonly<Record<string, KafkaRefusal>> = {
  ...Object.fromEntries(
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_UNTRUSTED',
      'CERT_SIGNATURE_FAILURE',
    ].map((code) => [code, { fact: 'has a certificate of an unknown CA', hint: CERTIFICATE_HINT }]),
  ),
  CERT_HAS_EXPIRED: { fact: 'has a certificate that has expired', hint: 'renew it' },
  CERT_NOT_YET_VALID: { fact: 'has a certificate that is not valid yet', hint: 'date' },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    fact: 'has a certificate for other host names',
    hint: 'use a name of the certificate in stack.external.kafka, and in the advertised listeners of the brokers',
  },
  UNSUPPORTED_SASL_MECHANISM: {
    fact: 'does not offer the SASL mechanism',
    hint: 'stack.external.kafka_security.sasl: plain, scram-sha-256 or scram-sha-512',
  },
  KafkaJSSASLAuthenticationError: {
    fact: 'refuses DOORBUSTER_KAFKA_USERNAME and DOORBUSTER_KAFKA_PASSWORD',
    hint: 'export DOORBUSTER_KAFKA_USERNAME=… DOORBUSTER_KAFKA_PASSWORD=…',
  },
};

/** The refusal that an error of a client is; null: another error, such as a broker that is down. */
export function kafkaRefusal(error: unknown): KafkaRefusal | null {
  for (let at: unknown = error; at instanceof Error; at = inner(at)) {
    const { name, message, code, type } = at as Error & Readonly<Record<'code' | 'type', unknown>>;
    const known = [code, type, name].find(
      (one): one is string => typeof one === 'string' && Object.hasOwn(REFUSALS, one),
    );
    if (known === undefined) continue;
    const { fact, hint } = REFUSALS[known] as KafkaRefusal;
    return { fact: `${fact} (${message})`, hint };
  }
  return null;
}

function inner(error: Error): unknown {
  const { cause, originalError } = error as Error & { readonly originalError?: unknown };
  return cause ?? originalError;
}
