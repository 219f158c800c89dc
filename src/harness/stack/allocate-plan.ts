import { randomBytes } from 'node:crypto';
import type { Plan, Ports } from './plan.ts';
import { freePorts } from './ports.ts';
import { claimedPorts, defaultRegistryDir } from './registry.ts';
import type { RuntimeHost } from './runtime-host.ts';

/**
 * Allocates a plan with its own ports and secrets. Ports are first registered and then checked again: of two stacks
 * that chose the same port at the same time, at least one sees the other and chooses again.
 */
export async function allocatePlan(
  host: Pick<RuntimeHost, 'plan' | 'leasePath' | 'takePorts'>,
  { servers, flink, connect, jit }: Pick<Plan, 'servers' | 'flink' | 'connect' | 'jit'>,
): Promise<Plan> {
  const registryDir = defaultRegistryDir();
  let ports: Ports;
  for (;;) {
    ports = await freePorts(claimedPorts(registryDir, host.leasePath));
    const mine = Object.values(ports);
    host.takePorts(mine);
    const others = claimedPorts(registryDir, host.leasePath);
    if (!mine.some((port) => others.has(port))) break;
  }
  return {
    ...host.plan,
    servers,
    ports,
    secrets: {
      accessKeyId: `doorbuster-${randomBytes(6).toString('hex')}`,
      secretAccessKey: randomBytes(24).toString('base64url'),
      // Kafka's argument parser takes an id that begins with a dash for an option.
      clusterId: `d${randomBytes(16).toString('base64url').slice(1)}`,
    },
    jit,
    flink,
    connect,
  };
}
