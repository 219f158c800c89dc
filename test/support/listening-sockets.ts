import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Local addresses, in the kernel's own hexadecimal, on which a process listens for TCP. */
export function listeners(pid: number): readonly string[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        return inode ? [inode] : [];
      } catch {
        return [];
      }
    }),
  );
  return listeningAddresses(pid)
    .filter(({ inode }) => sockets.has(inode))
    .map(({ address }) => address);
}

/** Everything that listens for TCP in the network of a process. */
export function listeningAddresses(pid: number | 'self') {
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => {
        const [address, port] = fields[1]!.split(':') as [string, string];
        return { address, port: Number.parseInt(port, 16), inode: fields[9]! };
      }),
  );
}

/** 127.0.0.1, ::1 and ::ffff:127.0.0.1, as the kernel writes them. */
export function isLoopback(address: string): boolean {
  return [
    '0100007F',
    '00000000000000000000000001000000',
    '0000000000000000FFFF00000100007F',
  ].includes(address);
}
