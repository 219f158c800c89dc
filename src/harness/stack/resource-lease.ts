import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identify, type ProcessIdentity } from '../process-identity.ts';
import { defaultRegistryDir, MARKER, newEntry, type RegistryEntry } from './registry.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

interface LeaseOptions {
  /** The folder of the run that it belongs to. */
  readonly run?: string;
  /** The label of the containers that belong to it. */
  readonly session?: string;
  readonly registryDir?: string;
}

/**
 * A work folder of this process and the servers that run in it, on record while they are ours: should
 * doorbuster be killed, its watchdog or else the next start's sweep ends them and removes the folder;
 * the next start finds the record in either case, and says what became of it.
 */
export class ResourceLease {
  readonly #workDir: string;
  readonly #belongs: Pick<LeaseOptions, 'run' | 'session'>;
  readonly #entry: RegistryEntry;
  readonly #watchdog: Watchdog;
  readonly #servers = new Map<number, ProcessIdentity & { readonly server: string }>();
  #ports: readonly number[] = [];
  #gone = false;

  /** Makes the folder, which is removed as a whole in the end: it must be nobody else's. */
  static async open(workDir: string, options: LeaseOptions = {}): Promise<ResourceLease> {
    const entry = newEntry(options.registryDir ?? defaultRegistryDir());
    await mkdir(workDir, { recursive: true });
    await writeFile(join(workDir, MARKER), '');
    return new ResourceLease(workDir, entry, options);
  }

  private constructor(workDir: string, entry: RegistryEntry, { run, session }: LeaseOptions) {
    this.#workDir = workDir;
    this.#entry = entry;
    this.#belongs = {
      ...(run === undefined ? {} : { run }),
      ...(session === undefined ? {} : { session }),
    };
    this.#watchdog = startWatchdog(workDir, session);
    this.#write();
  }

  /** The file of the registry that says all this. */
  get path(): string {
    return this.#entry.path;
  }

  /** The ports that are ours from now on, in place of those before. */
  takePorts(ports: readonly number[]): void {
    this.#ports = ports;
    this.#write();
  }

  /** A process that was started: leader of its own group, which is what will be killed. */
  guard(server: string, pid: number): void {
    this.#watchdog.guard(pid);
    const identity = identify(pid);
    if (identity !== null) this.#servers.set(pid, { server, ...identity });
    this.#write();
  }

  /** A process that has ended. */
  release(pid: number): void {
    this.#watchdog.release(pid);
    if (this.#servers.delete(pid)) this.#write();
  }

  /** What is on record of the processes. */
  get servers(): readonly (ProcessIdentity & { readonly server: string })[] {
    return [...this.#servers.values()];
  }

  /** Nothing here is ours any more: it is on record elsewhere, and goes on when this process ends. */
  detach(): void {
    this.#gone = true;
    this.#entry.remove();
    this.#watchdog.dismiss();
  }

  /** After the last process has ended. */
  async remove(): Promise<void> {
    this.#gone = true;
    await rm(this.#workDir, { recursive: true, force: true, maxRetries: 5 });
    this.#entry.remove();
    this.#watchdog.dismiss();
  }

  #write(): void {
    const owner = identify(process.pid);
    if (owner === null || this.#gone) return;
    this.#entry.write({
      version: 1,
      owner,
      workDir: this.#workDir,
      ...this.#belongs,
      ports: [...this.#ports],
      servers: [...this.#servers.values()],
    });
  }
}
