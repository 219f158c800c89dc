import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type Docker from 'dockerode';
import { parseAllDocuments } from 'yaml';
import { packageRoot } from '../../../src/harness/entry.ts';
import { defaultCacheDir } from '../../../src/harness/setup/cache.ts';

const run = promisify(execFile);
const REQUIREMENTS = fileURLToPath(new URL('requirements-kubernetes.txt', import.meta.url));

/** Path of the linter, which is installed next to the cache if it is missing. */
async function linter(): Promise<string> {
  const version = /^kubernetes-validate==(.*)$/m.exec(readFileSync(REQUIREMENTS, 'utf8'))?.[1];
  const dir = join(defaultCacheDir(), 'test-tools', `kubernetes-validate-${version}`);
  if (existsSync(dir)) return dir;
  await mkdir(dirname(dir), { recursive: true });
  const partial = mkdtempSync(`${dir}.`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', partial];
  await run('python3', [...pip, '-r', REQUIREMENTS]);
  renameSync(partial, dir);
  return dir;
}

/** Errors of a manifest by the strict schemas of Kubernetes; empty if there are none. */
export async function lint(file: string): Promise<string> {
  const env = { ...process.env, PYTHONPATH: await linter() };
  return run('python3', ['-m', 'kubernetes_validate', '--strict', '--quiet', file], { env }).then(
    ({ stdout, stderr }) => `${stdout}${stderr}`,
    ({ stdout, stderr }) => `${stdout}${stderr}` || 'refused',
  );
}

export function manifest(name: string): string {
  return join(packageRoot, 'docs/kubernetes', name);
}

/** A volume of a pod, by its kind. */
interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly emptyDir?: object;
}

export interface Job {
  readonly kind: 'Job';
  readonly spec: {
    readonly completions?: number;
    readonly parallelism?: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
        readonly containers: readonly [
          {
            readonly command: readonly string[];
            readonly args: readonly string[];
            readonly envFrom: readonly {
              readonly configMapRef?: { readonly name: string };
              readonly secretRef?: { readonly name: string };
            }[];
            readonly resources: { readonly limits: { readonly memory: string } };
            readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
            readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
          },
        ];
        readonly volumes: readonly Volume[];
      };
    };
  };
}

interface ConfigMap {
  readonly kind: 'ConfigMap';
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
}

type Resource = Job | ConfigMap | { readonly kind: 'PersistentVolumeClaim' | 'NetworkPolicy' };

/** Everything that a manifest requests. */
function resources(name: string): readonly Resource[] {
  return parseAllDocuments(readFileSync(manifest(name), 'utf8')).map((one) => one.toJS());
}

export function jobIn(name: string): Job {
  return resources(name).find((one) => one.kind === 'Job') as Job;
}

export function configMapIn(file: string, name: string): ConfigMap['data'] {
  const found = resources(file).find(
    (one): one is ConfigMap => one.kind === 'ConfigMap' && one.metadata.name === name,
  );
  return found?.data ?? {};
}

/** What a cluster would provide to a pod. */
export interface Cluster {
  readonly image: string;
  readonly network: string;
  /** Contents of the config maps and secrets for environment variables, by their names. */
  readonly variables: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Completion index of an indexed job. */
  readonly index?: number;
  /** Folders of this machine for config maps and claims, by their names. */
  readonly folders: Readonly<Record<string, string>>;
  /** A new folder that any user may write to. */
  readonly emptyDir: () => string;
}

/** Runs the only container of a job's pod by its manifest: command, user, limits, volumes. Returns how it ended. */
export async function runPod(
  docker: Docker,
  { spec: { template } }: Job,
  { image, network, variables, index, folders, emptyDir }: Cluster,
): Promise<{ readonly code: number; readonly said: string }> {
  const pod = template.spec;
  const [container] = pod.containers;
  const env = Object.assign(
    index === undefined ? {} : { JOB_COMPLETION_INDEX: String(index) },
    ...container.envFrom.map(({ configMapRef, secretRef }) => {
      const { name } = configMapRef ?? secretRef ?? { name: '' };
      if (variables[name] === undefined) throw new Error(`nobody has made ${name}`);
      return variables[name];
    }),
  ) as Readonly<Record<string, string>>;
  const binds = container.volumeMounts.map(({ name, mountPath }) => {
    const volume = pod.volumes.find((one) => one.name === name);
    const source = volume?.configMap?.name ?? volume?.persistentVolumeClaim?.claimName;
    return `${source === undefined ? emptyDir() : folders[source]}:${mountPath}`;
  });
  const created = await docker.createContainer({
    Image: image,
    Entrypoint: [...container.command],
    Cmd: [...container.args],
    User: `${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    HostConfig: {
      NetworkMode: network,
      Binds: binds,
      ReadonlyRootfs: container.securityContext.readOnlyRootFilesystem,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Memory: Number.parseInt(container.resources.limits.memory, 10) * 1024 ** 3,
    },
  });
  try {
    await created.start();
    const { StatusCode: code } = await created.wait();
    return {
      code,
      said: printed(await created.logs({ stdout: true, stderr: true, follow: false })),
    };
  } finally {
    await created.remove({ force: true });
  }
}

/** Stdout and stderr of a container come in frames, each with its length in the last four of eight bytes. */
function printed(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at < frames.length; ) {
    const length = frames.readUInt32BE(at + 4);
    parts.push(frames.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString('utf8');
}
