import { posix } from 'node:path';
import type { Mount } from '../clients/container-engine.ts';
import type { ArchiveStore } from './class-archives.ts';

/** The volume with the archives of all runs in containers. It is no run's, and stays: `docker volume rm` removes it. */
export const CLASS_VOLUME = 'doorbuster-class-archives';
const DIR = '/class-archives';

/** As servers have it: what they write goes to the volume of their run first. */
export const CLASSES_TO_READ: Mount = { name: CLASS_VOLUME, at: DIR, readOnly: true };
/** As it is for the script that stores them. */
export const CLASSES_TO_WRITE: Mount = { name: CLASS_VOLUME, at: DIR };

/** Runs a command as root in a container of the session, with its volume and the one of the archives, and gives what it printed. */
type Shell = (script: string) => Promise<string>;

/** Prints the files of the volume with their sizes. */
const LIST = `stat -c '%s %n' ${DIR}/*.jsa 2> /dev/null || true`;

/** The archives of all runs, for the containers of one session. */
export class ClassVolume {
  readonly #scratch: string;
  #files: ReturnType<ArchiveStore['files']> = [];
  readonly #kept: { readonly written: string; readonly name: string; readonly kind: string }[] = [];

  /** `scratch` is a folder of the volume of the session. */
  constructor(scratch: string) {
    this.#scratch = scratch;
  }

  /** Looks which archives there are. */
  async look(shell: Shell): Promise<void> {
    this.#files = (await shell(LIST)).split('\n').flatMap((line) => {
      const [, bytes, path] = /^(\d+) (.+)$/.exec(line.trim()) ?? [];
      return path === undefined ? [] : [{ file: posix.basename(path), bytes: Number(bytes) }];
    });
  }

  /** For containers of one image: the same image has the same Java, and the same files at the same time. */
  storeOf(imageId: string): ArchiveStore {
    return {
      dir: DIR,
      scratch: this.#scratch,
      files: () => this.#files,
      javaBuild: () => imageId,
      // Moved with the others, by `store`: a container for each would take longer.
      keep: async (written, its) => void this.#kept.push({ written, ...its }),
    };
  }

  /** After the last server has ended: makes what they wrote the archives of the next run. A full disk is no error here. */
  async store(shell: Shell): Promise<void> {
    if (this.#kept.length === 0) return;
    const moves = this.#kept.map(({ written, name, kind }) => {
      // Under another name until it is complete: another run may write the same.
      const partial = `${DIR}/${kind}.partial-$$`;
      return [
        `if [ -f ${written} ] && cp ${written} ${partial} && chmod a+r ${partial}; then`,
        `  rm -f ${DIR}/${name}-????????????-*.jsa`,
        `  mv ${partial} ${DIR}/${kind}-$(stat -c %s ${written}).jsa`,
        'fi',
        `rm -f ${partial}`,
      ].join('\n');
    });
    await shell(moves.join('\n')).catch(() => undefined);
  }
}
