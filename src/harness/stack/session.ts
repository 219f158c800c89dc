import type { ContainerEngine } from '../clients/container-engine.ts';

/** Label of the containers, the network and the volume of one stack. */
export const SESSION_LABEL = 'io.doorbuster.session';

/**
 * The container engine of this machine; throws the library's own error if none answers. The library is imported
 * lazily, because that takes a good part of a second, which a run on processes does not need.
 */
export async function engineHere(): Promise<ContainerEngine> {
  const { openContainerEngine } = await import('../clients/container-engine.ts');
  return openContainerEngine();
}

/** Removes everything of a session; returns the names of its containers. */
export async function sweepSession(
  session: string,
  engine: Pick<ContainerEngine, 'sweep'>,
): Promise<readonly string[]> {
  return engine.sweep(`${SESSION_LABEL}=${session}`);
}
