import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Kafka's number for the Produce request. */
const PRODUCE = 0;

/**
 * A proxy between a client and a broker that can lose the response to a produce request: the broker has
 * appended, and the connection is closed. Frames are a 4-byte length, then in a request the API's number
 * (2), its version (2) and a correlation id (4); in a response the same id.
 */
export class KafkaProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #upstream = { host: '127.0.0.1', port: 0 };
  #toLose = 0;
  /** Number of produce requests whose response was lost. */
  lost = 0;

  static async open(): Promise<KafkaProxy> {
    const proxy = new KafkaProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor() {
    this.#server = createServer((client) => this.#serve(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  forwardTo(port: number): void {
    this.#upstream = { host: '127.0.0.1', port };
  }

  /** Loses the responses to the next `count` produce requests. */
  loseAnswers(count: number): void {
    this.#toLose += count;
  }

  /** Closes every connection, whatever is on its way. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cutAll();
  }

  #serve(client: Socket): void {
    const broker = connect(this.#upstream);
    const cut = () => {
      client.destroy();
      broker.destroy();
    };
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    const doomed = new Set<number>();
    onFrames(client, (frame) => {
      if (this.#toLose > 0 && frame.readInt16BE(4) === PRODUCE) {
        this.#toLose--;
        doomed.add(frame.readInt32BE(8));
      }
      broker.write(frame);
    });
    onFrames(broker, (frame) => {
      if (!doomed.has(frame.readInt32BE(4))) {
        client.write(frame);
        return;
      }
      this.lost++;
      cut();
    });
  }
}

function onFrames(socket: Socket, heard: (frame: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = held.byteLength === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.byteLength >= 4 && held.byteLength >= 4 + held.readInt32BE(0)) {
      const end = 4 + held.readInt32BE(0);
      heard(held.subarray(0, end));
      held = held.subarray(end);
    }
  });
}
