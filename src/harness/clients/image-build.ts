import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type Docker from 'dockerode';
import { extract, pack } from 'tar-fs';

/** One target of the Dockerfile at `dockerfile`, a path within the folder `context`. */
export interface ImageBuild {
  readonly tag: string;
  readonly context: string;
  readonly dockerfile: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called with the names of the steps and their output, line by line. */
  readonly onLine?: (line: string) => void;
}

/**
 * Builds an image with BuildKit. Rejects with the last lines of output; an abort also ends the build in the engine.
 * It does not use testcontainers, which hides why a build failed and cannot end one.
 */
export async function buildImage(
  docker: Docker,
  { tag, context, dockerfile, target, args, signal, onLine }: ImageBuild,
): Promise<void> {
  const stream = await docker.buildImage(pack(context).pipe(new PassThrough()), {
    ...{ t: tag, dockerfile, target, buildargs: { ...args }, version: '2' },
    abortSignal: signal,
  });
  await follow(docker, stream, onLine ?? (() => {}));
}

/** A folder of an image, and the folder of this machine that its contents go to. */
export interface ImageFiles {
  readonly image: string;
  readonly path: string;
  readonly into: string;
}

/** Copies files out of an image and removes it; no program of it is started. */
export async function extractFiles(
  docker: Docker,
  { image, path, into }: ImageFiles,
): Promise<void> {
  // The name finds a container that a kill left behind. Docker requires a command, although it never runs.
  const name = image.replaceAll(/[/:]/g, '-');
  await docker
    .getContainer(name)
    .remove({ force: true })
    .catch(() => {});
  const container = await docker.createContainer({ name, Image: image, Cmd: ['none'] });
  try {
    await pipeline(await container.getArchive({ path: `${path}/.` }), extract(into));
  } finally {
    await container.remove({ force: true });
    await docker.getImage(image).remove();
  }
}

/** A line of a build's output, or its error. */
interface BuildEvent {
  readonly stream?: string;
  readonly error?: string;
}

/** A method of dockerode that is missing in its types. */
interface DockerModem {
  followProgress(
    stream: NodeJS.ReadableStream,
    onEnd: (error: Error | null) => void,
    onEvent: (event: BuildEvent) => void,
  ): void;
}

/** Lines of a failed build that go into its error. */
const TAIL_LINES = 8;

/** Follows a build to its end. */
async function follow(
  docker: Docker,
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
): Promise<void> {
  const tail: string[] = [];
  let failure: string | undefined;
  await new Promise<void>((resolve, reject) => {
    const onEvent = ({ stream: said, error }: BuildEvent) => {
      failure ??= error;
      const line = said?.trimEnd() ?? '';
      const printed = stepOutput(line);
      tail.push(...(printed ?? []));
      tail.splice(0, tail.length - TAIL_LINES);
      for (const one of printed ?? [line]) onLine(one);
    };
    const onEnd = (error: Error | null) => (error ? reject(error) : resolve());
    (docker as unknown as DockerModem).followProgress(stream, onEnd, onEvent);
  });
  if (failure !== undefined) throw new Error([failure, ...tail].join('\n'));
}

/** Output of a step, line by line; undefined: the line is about a step. Dockerode passes the output on in base64. */
function stepOutput(line: string): readonly string[] | undefined {
  const bytes = Buffer.from(line, 'base64');
  if (bytes.toString('base64') !== line) return undefined;
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((one) => one.trim() !== '');
}
