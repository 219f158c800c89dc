import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runClient } from './client.ts';
import type { FetchContext, Fetched } from './fetch-context.ts';
import type { LockedMaven } from './lock.ts';
import { verifyPinned } from './verify.ts';

/** Maven's progress lines, and its advice on further options. */
const NOISE =
  /^\[INFO\]|^Download|^Progress|^\[ERROR\] (\[Help|Re-run|To see|For more|$)|^\[ERROR\]\s*$/;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/**
 * Fetches a group of jars into `lib/` in one call of mvn, with the user's own settings and local repository.
 * Nothing is resolved: the lock lists every jar, including transitive ones.
 */
export async function fetchMaven(artifact: LockedMaven, context: FetchContext): Promise<Fetched> {
  const { partial, signal, onStep } = context;
  const pom = join(partial.work, 'pom.xml');
  const copied = join(partial.work, 'lib');
  await writeFile(pom, pomOf(artifact));
  const total = artifact.jars.length;
  let downloaded = 0;
  onStep(`mvn, ${total} jars`, 0);
  await runClient({
    command: 'mvn',
    args: [
      '--batch-mode',
      '-Dstyle.color=never',
      '--strict-checksums',
      '--file',
      pom,
      COPY,
      `-DoutputDirectory=${copied}`,
    ],
    cwd: partial.work,
    env: context.env,
    signal,
    noise: NOISE,
    purpose: `fetching ${artifact.name} ${artifact.version}`,
    onLine: (line) => {
      if (!/^(\[INFO\] )?Downloaded from .*\.jar(\s|$)/.test(line)) return;
      if (!artifact.jars.some((jar) => line.includes(`/${jar.file} `))) return;
      downloaded++;
      onStep(`mvn, ${downloaded} of ${total} jars`, downloaded / total);
    },
  });
  onStep('verifying', 1);
  const lib = join(partial.files, 'lib');
  await mkdir(lib);
  for (const jar of artifact.jars) {
    const [group, id, version] = jar.maven.split(':');
    const folder = `${group?.replaceAll('.', '/')}/${id}/${version}`;
    await verifyPinned(
      copied,
      jar,
      `delete ${folder} in your local Maven repository, then: doorbuster setup`,
      signal,
    );
    await rename(join(copied, jar.file), join(lib, jar.file));
  }
  return {};
}

/** A project that depends on exactly the locked jars, without transitive dependencies. */
function pomOf(artifact: LockedMaven): string {
  const dependencies = artifact.jars.map(({ maven }) => {
    const [groupId, artifactId, version, classifier] = maven.split(':').map(escapeXml);
    return [
      '<dependency>',
      `<groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId>`,
      `<version>${version}</version>`,
      classifier ? `<classifier>${classifier}</classifier>` : '',
      '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>',
      '</dependency>',
    ].join('');
  });
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    `<groupId>doorbuster</groupId><artifactId>${artifact.name}</artifactId><version>1</version>`,
    '<packaging>pom</packaging><dependencies>',
    ...dependencies,
    '</dependencies></project>',
    '',
  ].join('\n');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
