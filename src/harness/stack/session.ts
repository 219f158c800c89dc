import type { ContainerEngine } from '../clients/container-engine.ts';

/** Marks whatever belongs to one stack in containers: each of them, their network and their volume. */
export const SESSION_LABEL = 'io.doorbuster.session';

/**
 * The container engine of this machine; throws the library's own error when none answers. It takes a
 * good part of a second to load, which a run on processes need not spend.
 */
export async function engineHere(): Promise<ContainerEngine> {
  const { openContainerEngine } = await import('../clients/container-engine.ts');
  return openContainerEngine();
}

/** Removes whatever is left of a session; gives the names of its containers. */
export async function sweepSession(
  session: string,
  engine: Pick<ContainerEngine, 'sweep'>,
): Promise<readonly string[]> {
  return engine.sweep(`${SESSION_LABEL}=${session}`);
}
