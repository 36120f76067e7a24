// Clients that abuse HTTP/2 itself: floods of frames that cost the sender nothing, headers without end, silence. Each
// ends as it should, and another client is served meanwhile and afterwards.

import { once } from "node:events";
import { constants } from "node:http2";
import test, { type ExecutionContext } from "ava";
import { HealthService } from "../../gen/health/v1/health.ts";
import { call } from "../rpc/calls.ts";
import { flags, frame, headerBlock, literal, preface, RawConnection, types } from "../rpc/raw-frames.ts";
import { clientOf, serverIn, temporaryDirectory } from "./temporary-server.ts";
import type { ServerOptions } from "../../src/server/options.ts";

const check = "/grpc.health.v1.Health/Check";
const get = "/docdb.v1.DocumentService/GetDocument";
const pipeline = "/docdb.v1.DocumentService/Pipeline";
const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);

interface Abused {
  readonly socket: string;
  /** Sees to it that the server answers others. */
  readonly serves: () => Promise<void>;
}

async function abused(t: ExecutionContext, options: Partial<ServerOptions> = {}): Promise<Abused> {
  const { socket } = await serverIn(t, await temporaryDirectory(t), options);
  const client = clientOf(t, socket);
  return {
    socket,
    serves: async () => {
      t.is((await call(client, HealthService.check, { service: "" })).status, 1);
    },
  };
}

/** So many pieces of 100 frames each; `make` gets the frame's number. */
function* pieces(count: number, make: (number: number) => Buffer): Generator<Buffer> {
  for (let piece = 0; piece < count; piece++) {
    yield Buffer.concat(Array.from({ length: 100 }, (_, i) => make(piece * 100 + i)));
  }
}

function openStream(number: number, path: string): Buffer {
  return frame(types.headers, flags.endHeaders, 2 * number + 1, headerBlock(path));
}

test("a call spelled like those of the floods is served: it is their number that ends a connection", async (t) => {
  const { socket } = await abused(t);
  const connection = RawConnection.greeted(socket);
  const empty = frame(types.data, flags.endStream, 1, Buffer.alloc(5));
  connection.socket.write(Buffer.concat([openStream(0, check), empty]));
  const answered = (): Buffer | undefined => connection.frames().find(({ type }) => type === types.data)?.content;
  while (answered() === undefined && !connection.closed) await once(connection.socket, "data");
  const serving = [0, 0, 0, 0, 2, 8, 1];
  t.deepEqual([...(answered() ?? [])], serving);
  connection.socket.destroy();
});

/** Floods that end their connection: HTTP/2's own library counts them. */
const endingFloods: Readonly<Record<string, (number: number) => Buffer>> = {
  "streams that are opened and reset at once": (number) =>
    Buffer.concat([openStream(number, check), frame(types.rstStream, 0, 2 * number + 1, cancel)]),
  "headers that go on and on": (number) =>
    number === 0
      ? frame(types.headers, 0, 1, headerBlock(check))
      : frame(types.continuation, 0, 1, literal(`x${number}`, "y".repeat(100))),
  "empty CONTINUATION frames": (number) =>
    number === 0 ? frame(types.headers, 0, 1, headerBlock(check)) : frame(types.continuation, 0, 1),
  "PRIORITY frames": () => frame(types.priority, 0, 1, Buffer.from([0, 0, 0, 0, 1])),
  "frames of an unknown type": () => frame(0xaa, 0, 0, Buffer.alloc(16)),
  "more streams than there may be": (number) => openStream(number, get),
  "window updates of nothing": (number) =>
    Buffer.concat([openStream(number, check), frame(types.windowUpdate, 0, 2 * number + 1, Buffer.alloc(4))]),
};

for (const [what, make] of Object.entries(endingFloods)) {
  test(`a flood of ${what} ends the connection, and others are served`, async (t) => {
    const { socket, serves } = await abused(t);
    const connection = RawConnection.greeted(socket);
    await connection.flood(pieces(1_000, make));
    await connection.end();
    await serves();
  });
}

/** Floods that are answered frame by frame, or cost the server nothing that it keeps. */
const harmlessFloods: Readonly<Record<string, (number: number) => Buffer>> = {
  PING: () => frame(types.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: () => frame(types.settings, 0, 0, Buffer.from("000100001000", "hex")),
  "window update": () => frame(types.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1])),
  "empty DATA": (number) => (number === 0 ? openStream(0, pipeline) : frame(types.data, 0, 1)),
};

for (const [what, make] of Object.entries(harmlessFloods)) {
  test(`a flood of ${what} frames holds up nobody`, async (t) => {
    const { socket, serves } = await abused(t);
    const connection = RawConnection.greeted(socket);
    const flooding = connection.flood(pieces(200, make));
    await serves();
    await flooding;
    await serves();
    connection.socket.destroy();
  });

  test(`unread answers to a flood of ${what} frames take no memory without end`, async (t) => {
    const { socket, serves } = await abused(t);
    const connection = RawConnection.greeted(socket);
    connection.socket.pause();
    const before = process.memoryUsage.rss();
    // The server stops reading when its answers aren't read: the flood doesn't get through.
    void connection.flood(pieces(2_000, make));
    for (let i = 0; i < 50; i++) await serves();
    t.true(process.memoryUsage.rss() - before < 100 * 1024 * 1024);
    connection.socket.destroy();
  });
}

test("more than 128 headers end the call, and 65 KiB of them", async (t) => {
  const { socket, serves } = await abused(t);
  const connection = RawConnection.greeted(socket);
  const many = Array.from({ length: 130 }, (_, i) => [`x${i}`, "v"] as const);
  const large = Array.from({ length: 5 }, (_, i) => [`x${i}`, "v".repeat(15_000)] as const);
  const opened = (stream: number, block: Buffer): Buffer[] => {
    const cut = Array.from({ length: Math.ceil(block.length / 16_000) }, (_, i) =>
      block.subarray(i * 16_000, (i + 1) * 16_000),
    );
    return cut.map((part, i) =>
      frame(i === 0 ? types.headers : types.continuation, i === cut.length - 1 ? flags.endHeaders : 0, stream, part),
    );
  };
  await connection.flood([...opened(1, headerBlock(check, many)), ...opened(3, headerBlock(check, large))]);
  await connection.flood([frame(types.ping, 0, 0, Buffer.alloc(8))]);
  while (connection.count(types.ping) === 0 && !connection.closed) await serves();
  const answered = connection.frames().filter(({ type }) => type === types.headers);
  t.deepEqual(answered, []);
  connection.socket.destroy();
});

test("headers that say one thing, compressed, and are repeated 8,000 times end the call", async (t) => {
  const { socket, serves } = await abused(t);
  const connection = RawConnection.greeted(socket);
  // One entry of 4,000 bytes in the table, then a byte for each time that it is said again: 32 MB from 8 KB.
  const indexed = Buffer.concat([Buffer.from([0x40]), literal("x", "y".repeat(4_000)).subarray(1)]);
  const bomb = (stream: number): Buffer =>
    frame(
      types.headers,
      flags.endHeaders,
      stream,
      Buffer.concat([headerBlock(check), indexed, Buffer.alloc(8_000, 0xbe)]),
    );
  const before = process.memoryUsage.rss();
  await connection.flood(Array.from({ length: 50 }, (_, i) => bomb(2 * i + 1)));
  while (connection.count(types.rstStream) < 50 && !connection.closed) await serves();
  t.true(process.memoryUsage.rss() - before < 100 * 1024 * 1024);
  connection.socket.destroy();
});

test("a client that says nothing, or half of its greeting, is cut off in time", async (t) => {
  const { socket, serves } = await abused(t, { greetingMs: 100 });
  const [silent, half, whole] = [new RawConnection(socket), new RawConnection(socket), RawConnection.greeted(socket)];
  half.socket.write(preface.subarray(0, 12));
  await Promise.all([silent.end(), half.end()]);
  await serves();
  t.false(whole.closed);
  whole.socket.destroy();
});

test("a connection over the limit is told so, and there is room again when one has gone", async (t) => {
  const { socket } = await abused(t, { maxConnections: 2 });
  const [first, second] = [RawConnection.greeted(socket), RawConnection.greeted(socket)];
  while (first.count(types.settings) === 0 || second.count(types.settings) === 0) await turn();
  const third = RawConnection.greeted(socket);
  await third.end();
  t.deepEqual(third.goaway, {
    code: constants.NGHTTP2_ENHANCE_YOUR_CALM,
    text: "Too many connections: the server has 2, and that is its limit.",
  });
  first.socket.destroy();
  await first.end();
  for (;;) {
    const next = RawConnection.greeted(socket);
    while (!next.closed && next.count(types.settings) === 0) await turn();
    if (next.goaway === undefined && !next.closed) break;
  }
  t.pass();
  second.socket.destroy();
});

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
