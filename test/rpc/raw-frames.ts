// HTTP/2 frame by frame over a Unix socket, for what no HTTP/2 library would send. RFC 9113; header blocks are literals
// that aren't indexed (RFC 7541, 6.2.2), so that they can be written without a table.

import { createConnection, type Socket } from "node:net";

/** Frame types, RFC 9113, 6. */
export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { endStream: 1, endHeaders: 4 } as const;

export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** A frame. RFC 9113, 4.1. */
export function frame(type: number, flag: number, stream: number, content: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

/** A header block with what a gRPC request has, and more. */
export function headerBlock(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  const usual: [string, string][] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    // Without it every stream would be reset (PROTOCOL_ERROR) before the server hears of it.
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
  return Buffer.concat([...usual, ...more].map(([name, value]) => literal(name, value)));
}

/** One header. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A connection that sends bytes and keeps the frames that come back. */
export class RawConnection {
  readonly socket: Socket;
  #received: Buffer[] = [];
  readonly #gone = Promise.withResolvers<void>();
  #closed = false;
  #onDrain: (() => void) | undefined;

  constructor(path: string) {
    this.socket = createConnection(path);
    this.socket.on("data", (chunk: Buffer) => this.#received.push(chunk));
    this.socket.on("error", () => undefined);
    this.socket.on("drain", () => this.#onDrain?.());
    this.socket.on("close", () => {
      this.#closed = true;
      this.#gone.resolve();
    });
  }

  /** A connection that has greeted. */
  static greeted(path: string): RawConnection {
    const connection = new RawConnection(path);
    connection.socket.write(Buffer.concat([preface, frame(types.settings, 0, 0)]));
    return connection;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the server has closed the connection. */
  end(): Promise<void> {
    return this.#gone.promise;
  }

  /** Sends pieces of a flood until there are no more or the server has hung up; waits when it doesn't take more. */
  async flood(pieces: Iterable<Uint8Array>): Promise<void> {
    for (const piece of pieces) {
      if (this.#closed) return;
      if (this.socket.write(piece)) continue;
      const drained = new Promise<void>((resolve) => {
        this.#onDrain = resolve;
      });
      await Promise.race([drained, this.#gone.promise]);
    }
  }

  /** How many frames of a type have come. */
  count(type: number): number {
    return this.frames().filter((found) => found.type === type).length;
  }

  /** The code and the text of the GOAWAY that came, if one has. */
  get goaway(): { readonly code: number; readonly text: string } | undefined {
    const content = this.frames().findLast(({ type }) => type === types.goaway)?.content;
    return content && { code: content.readUInt32BE(4), text: content.subarray(8).toString("utf8") };
  }

  /** The whole frames that have come. */
  frames(): { readonly type: number; readonly stream: number; readonly content: Buffer }[] {
    const bytes = Buffer.concat(this.#received);
    this.#received = [bytes];
    const frames = [];
    for (let at = 0; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      frames.push({
        type: bytes[at + 3] ?? 0,
        stream: bytes.readUInt32BE(at + 5),
        content: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    return frames;
  }
}
