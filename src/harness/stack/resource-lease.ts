import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identify, type ProcessIdentity } from '../process-identity.ts';
import { defaultRegistryDir, MARKER, newEntry, type RegistryEntry } from './registry.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

interface LeaseOptions {
  /** The folder of its run. */
  readonly run?: string;
  /** The label of its containers. */
  readonly session?: string;
  readonly registryDir?: string;
}

/**
 * Registers a work folder and its servers while this process owns them. If the process is killed, its watchdog or the
 * next start's sweep ends the servers and removes the folder. The next start finds the registration in either case, and
 * reports what happened.
 */
export class ResourceLease {
  readonly #workDir: string;
  readonly #belongs: Pick<LeaseOptions, 'run' | 'session'>;
  readonly #entry: RegistryEntry;
  readonly #watchdog: Watchdog;
  readonly #servers = new Map<number, ProcessIdentity & { readonly server: string }>();
  #ports: readonly number[] = [];
  #gone = false;

  /** Creates the folder, which is removed as a whole at the end: no other program may use it. */
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

  /** Its file in the registry. */
  get path(): string {
    return this.#entry.path;
  }

  /** Registers these ports instead of the previous ones. */
  takePorts(ports: readonly number[]): void {
    this.#ports = ports;
    this.#write();
  }

  /** Registers a started process. It is the leader of its process group, which a sweep kills. */
  register(server: string, pid: number): void {
    this.#watchdog.guard(pid);
    const identity = identify(pid);
    if (identity !== null) this.#servers.set(pid, { server, ...identity });
    this.#write();
  }

  /** Unregisters a process that has ended. */
  unregister(pid: number): void {
    this.#watchdog.release(pid);
    if (this.#servers.delete(pid)) this.#write();
  }

  /** The registered processes. */
  get servers(): readonly (ProcessIdentity & { readonly server: string })[] {
    return [...this.#servers.values()];
  }

  /** Gives up ownership: everything is registered elsewhere, and keeps running when this process ends. */
  detach(): void {
    this.#gone = true;
    this.#entry.remove();
    this.#watchdog.dismiss();
  }

  /** To be called after the last process has ended. */
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
