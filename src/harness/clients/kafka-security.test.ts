import { KafkaJSSASLAuthenticationError } from 'kafkajs';
import { expect, test } from 'vitest';
import type { KafkaAccess, KafkaSecurity } from './endpoints.ts';
import {
  flinkKafkaOptions,
  kafkajsSecurity,
  kafkaRefusal,
  platformaticSecurity,
} from './kafka-security.ts';

const PASSWORD = 'quote " and \\ backslash';

function access(over: Partial<KafkaSecurity> = {}, broker = 'broker-1:9093'): KafkaAccess {
  return {
    brokers: [broker],
    security: {
      tls: { ca: 'CERTIFICATE\n' },
      sasl: { mechanism: 'scram-sha-512', username: 'me', password: PASSWORD },
      flinkConnector: 'sql',
      ...over,
    },
  };
}

test('a cluster without security adds no option to any client', () => {
  const open = { brokers: ['broker-1:9092'] };
  for (const options of [kafkajsSecurity, platformaticSecurity, flinkKafkaOptions]) {
    expect(options(open)).toEqual({});
  }
});

test('both clients get the certificate, the mechanism and the user', () => {
  const sasl = { username: 'me', password: PASSWORD };
  expect(kafkajsSecurity(access())).toEqual({
    ssl: { ca: ['CERTIFICATE\n'] },
    sasl: { mechanism: 'scram-sha-512', ...sasl },
  });
  expect(platformaticSecurity(access())).toEqual({
    tls: { ca: ['CERTIFICATE\n'] },
    tlsServerName: true,
    sasl: { mechanism: 'SCRAM-SHA-512', ...sasl },
  });
  // The public CAs, and an address, which is no server name.
  expect(kafkajsSecurity(access({ tls: { ca: null }, sasl: null }))).toEqual({ ssl: true });
  expect(platformaticSecurity(access({ tls: { ca: null }, sasl: null }, '127.0.0.1:1'))).toEqual({
    tls: {},
  });
});

test('Flink gets a JAAS configuration with the classes of its connector', () => {
  expect(flinkKafkaOptions(access())).toEqual({
    'properties.security.protocol': 'SASL_SSL',
    'properties.sasl.mechanism': 'SCRAM-SHA-512',
    'properties.sasl.jaas.config':
      'org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required username="me" password="quote \\" and \\\\ backslash";',
    'properties.ssl.truststore.type': 'PEM',
    'properties.ssl.truststore.certificates': 'CERTIFICATE',
  });
  const plain = { mechanism: 'plain', username: 'me', password: 'p' } as const;
  expect(flinkKafkaOptions(access({ tls: null, sasl: plain, flinkConnector: 'plain' }))).toEqual({
    'properties.security.protocol': 'SASL_PLAINTEXT',
    'properties.sasl.mechanism': 'PLAIN',
    'properties.sasl.jaas.config':
      'org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="p";',
  });
  expect(flinkKafkaOptions(access({ tls: { ca: null }, sasl: null }))).toEqual({
    'properties.security.protocol': 'SSL',
  });
});

test('a refusal is found below other errors, and another error is none', () => {
  const coded = (message: string, code: string) => Object.assign(new Error(message), { code });
  const certificate = coded('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT');
  const wrapped = new Error('gave up', { cause: new Error('lost', { cause: certificate }) });
  expect(kafkaRefusal(wrapped)).toMatchObject({
    fact: 'has a certificate of an unknown CA (self-signed certificate)',
  });
  // Kafka's own words name the mechanism; the mechanism is not what it refuses.
  const words = 'Authentication failed: invalid credentials with SASL mechanism SCRAM-SHA-512';
  // Its type declares no argument.
  const refused = Reflect.construct(KafkaJSSASLAuthenticationError, [words]);
  expect(kafkaRefusal(refused)).toMatchObject({
    fact: `refuses DOORBUSTER_KAFKA_USERNAME and DOORBUSTER_KAFKA_PASSWORD (${words})`,
  });
  const protocol = Object.assign(new Error('not enabled'), { type: 'UNSUPPORTED_SASL_MECHANISM' });
  expect(kafkaRefusal(protocol)?.fact).toBe('does not offer the SASL mechanism (not enabled)');
  expect(kafkaRefusal(coded('refused', 'ECONNREFUSED'))).toBeNull();
  expect(kafkaRefusal(null)).toBeNull();
});
