import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../src/harness/stack/ports.ts';
import { KafkaAlone } from './kafka-alone.ts';

/** A CA of the test and a certificate of it for 127.0.0.1, as PEM files. */
interface Certificates {
  readonly ca: string;
  /** Private key and certificate, as a broker reads them from one file. */
  readonly server: string;
}

/** Makes a CA, and a server's certificate signed by it, with openssl. */
export function makeCertificates(dir: string, name: string): Certificates {
  const at = (file: string) => join(dir, `${name}-${file}`);
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-subj',
    `/CN=${name}`,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  openssl(
    'req',
    ...key.slice(0, 3),
    '-subj',
    '/CN=broker',
    '-keyout',
    at('key.pem'),
    '-out',
    at('csr'),
  );
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  openssl(
    ...['x509', '-req', '-days', '2', '-in', at('csr'), '-CA', at('ca.pem')],
    ...['-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('names'), '-out', at('cert.pem')],
  );
  const server = at('server.pem');
  writeFileSync(
    server,
    ['key.pem', 'cert.pem', 'ca.pem'].map((one) => readFileSync(at(one))).join(''),
  );
  return { ca: at('ca.pem'), server };
}

export interface SecuredKafka extends AsyncDisposable {
  /** The broker; its `brokers` are those of a listener without security. */
  readonly kafka: KafkaAlone;
  readonly address: string;
  /** PEM file of the CA. */
  readonly ca: string;
}

/** A broker that is reached by SASL_SSL with PLAIN and SCRAM, by one user; files go to `dir`. */
export async function startSecuredKafka(
  dir: string,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<SecuredKafka> {
  const { ca, server } = makeCertificates(dir, 'own');
  const port = await freePort(new Set());
  const jaas = 'org.apache.kafka.common.security';
  const kafka = await KafkaAlone.start({
    ...{ name: 'SECURED', port, protocol: 'SASL_SSL' },
    settings: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': server,
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'plain.sasl.jaas.config': `${jaas}.plain.PlainLoginModule required user_${user}="${password}";`,
      'scram-sha-256.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
      'scram-sha-512.sasl.jaas.config': `${jaas}.scram.ScramLoginModule required;`,
    },
    format: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  });
  return {
    ...{ kafka, ca, address: `127.0.0.1:${port}` },
    [Symbol.asyncDispose]: () => kafka[Symbol.asyncDispose](),
  };
}
