// What a client may do to a call beside sending a bad message: ways to break gRPC's own framing, headers and order.
// `also` names the statuses that this may be answered with beside the usual ones; "none" is a stream that ends without.

import type { ClientHttp2Stream } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { framed } from "../rpc/raw-client.ts";
import { randomBytes } from "./mutation.ts";

export interface Abuse {
  readonly what: string;
  readonly headers?: (random: Prng) => Readonly<Record<string, string | string[]>>;
  readonly send: (stream: ClientHttp2Stream, request: Uint8Array, random: Prng) => void;
  readonly also: readonly string[];
}

const plainly = (stream: ClientHttp2Stream, request: Uint8Array): void => {
  stream.end(framed(request));
};

/** 40 MiB of zeros in 40 KiB: more than a message may have. */
const bomb = gzipSync(Buffer.alloc(40 * 1024 * 1024));

export const abuses: readonly [Abuse, ...Abuse[]] = [
  {
    what: "two messages",
    send: (stream, request) => stream.end(Buffer.concat([framed(request), framed(request)])),
    also: ["UNIMPLEMENTED"],
  },
  { what: "no message", send: (stream) => stream.end(), also: ["UNIMPLEMENTED"] },
  {
    what: "half a message",
    send: (stream, request) => stream.end(framed(request).subarray(0, -1)),
    also: ["UNIMPLEMENTED", "INTERNAL", "INVALID_ARGUMENT"],
  },
  {
    what: "a message that says it is larger than it is, and silence",
    send: (stream, request) => {
      const frame = framed(request);
      frame.writeUInt32BE(request.length + 1_000, 1);
      stream.write(frame);
    },
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "a message of 4 GiB",
    send: (stream) => stream.end(Buffer.from("00ffffffff00", "hex")),
    also: [],
  },
  { what: "silence", send: () => undefined, also: ["UNIMPLEMENTED"] },
  {
    what: "random bytes",
    send: (stream, _request, random) => stream.end(Buffer.concat([randomBytes(random), randomBytes(random)])),
    also: ["UNIMPLEMENTED", "INTERNAL"],
  },
  {
    what: "gzip",
    headers: () => ({ "grpc-encoding": "gzip" }),
    send: (stream, request) => stream.end(framed(gzipSync(request), 1)),
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "deflate",
    headers: () => ({ "grpc-encoding": "deflate" }),
    send: (stream, request) => stream.end(framed(deflateSync(request), 1)),
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "a gzip that isn't one",
    headers: () => ({ "grpc-encoding": "gzip" }),
    send: (stream, request) => stream.end(framed(request, 1)),
    also: ["INTERNAL", "UNIMPLEMENTED"],
  },
  {
    what: "a gzip bomb",
    headers: () => ({ "grpc-encoding": "gzip" }),
    send: (stream) => stream.end(framed(bomb, 1)),
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "an unknown encoding",
    headers: () => ({ "grpc-encoding": "zstd" }),
    send: (stream, request) => stream.end(framed(request, 1)),
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "a strange deadline",
    headers: (random) => ({
      "grpc-timeout": random.pick(["0m", "0n", "1n", "99999999H", "1000H", "-1S", "S", "1", "", "1e9S", "1S1S", "ä"]),
    }),
    send: plainly,
    also: ["UNIMPLEMENTED", "INTERNAL"],
  },
  {
    what: "a strange content type",
    headers: (random) => ({
      "content-type": random.pick(["text/html", "application/grpc+json", "application/grpc-web", ""]),
    }),
    send: plainly,
    also: ["none", "UNIMPLEMENTED"],
  },
  {
    what: "an unknown method",
    headers: (random) => ({
      ":path": random.pick([
        "/",
        "/x",
        "/docdb.v1.DocumentService/",
        "/docdb.v1.DocumentService/Nothing",
        "//",
        "/%00",
      ]),
    }),
    send: plainly,
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "metadata that says nothing",
    headers: (random) => ({
      "x-bin": "!!not base64!!",
      traceparent: random.pick(["00-0-0-0", "x".repeat(2_000), `00-${"f".repeat(32)}-${"0".repeat(16)}-ff`]),
      "grpc-trace-bin": randomBytes(random).toString("base64"),
      "x-many": Array.from({ length: 50 }, (_, i) => String(i)),
      "grpc-internal-encoding-request": "gzip",
    }),
    send: plainly,
    also: ["UNIMPLEMENTED"],
  },
  {
    what: "trailers",
    send: (stream, request) => {
      stream.end(framed(request));
    },
    headers: () => ({ trailer: "grpc-status" }),
    also: ["UNIMPLEMENTED"],
  },
];
