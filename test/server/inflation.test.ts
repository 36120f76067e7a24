// Compressed messages: the fuzzer sent gzip bombs, forty kilobytes that stand for forty megabytes, and grpc-js held for
// each of them what a message may have at most, without anybody counting it.

import { setImmediate as nextTurn } from "node:timers/promises";
import { deflateSync, gzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DocumentServiceService } from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { encodingOf, Inflation } from "../../src/server/inflation.ts";
import { call } from "../rpc/calls.ts";
import { answerOf, framed, rawSession, rawStream } from "../rpc/raw-client.ts";
import { clientOf, serverIn, temporaryDirectory } from "./temporary-server.ts";

const mebibyte = 1024 * 1024;

interface Seen {
  readonly inflation: Inflation;
  readonly ended: Promise<Buffer>;
  held: number;
  mostHeld: number;
}

/** An inflation whose reader goes away when more than this is held. */
function seen(limitBytes: number = Number.POSITIVE_INFINITY): Seen {
  const { promise: ended, resolve } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  const inflation = new Inflation("gzip", {
    hold: (bytes) => {
      all.held += bytes;
      all.mostHeld = Math.max(all.held, all.mostHeld);
    },
    push: (chunk) => (chunk === null ? resolve(Buffer.concat(chunks)) : chunks.push(chunk)),
    isClosed: () => all.mostHeld > limitBytes,
  });
  const all = { inflation, ended, held: 0, mostHeld: 0 };
  return all;
}

async function inflated(t: ExecutionContext, chunks: readonly Buffer[]): Promise<Buffer> {
  const { inflation, ended, ...all } = seen();
  for (const chunk of chunks) inflation.take(chunk);
  inflation.take(null);
  const bytes = await ended;
  t.is(all.held, 0);
  return bytes;
}

const [small, large] = [Buffer.from("small"), Buffer.alloc(mebibyte, "large")];
const mixed = Buffer.concat([framed(gzipSync(small), 1), framed(small), framed(gzipSync(large), 1), framed(small)]);

test("messages leave in order and not compressed, however they come", async (t) => {
  const expected = Buffer.concat([framed(small), framed(small), framed(large), framed(small)]);
  t.true((await inflated(t, [mixed])).equals(expected));
  t.true((await inflated(t, [mixed.subarray(0, 3), mixed.subarray(3, 40), mixed.subarray(40)])).equals(expected));
  t.true(
    (
      await inflated(
        t,
        Array.from(mixed, (byte) => Buffer.of(byte)),
      )
    ).equals(expected),
  );
});

test("half a message is handed on as it is", async (t) => {
  const half = framed(gzipSync(large), 1).subarray(0, -1);
  t.deepEqual(await inflated(t, [framed(small), half]), Buffer.concat([framed(small), half]));
});

test("a message that can't be read is handed on as one that gRPC can't read, and nothing behind it", async (t) => {
  const bytes = await inflated(t, [framed(Buffer.from("no gzip"), 1), framed(small)]);
  t.is(bytes[0], 1);
  t.is(bytes.length, 5 + bytes.readUInt32BE(1));
});

test("of a message that is too large, before or after, its head is all that is handed on", async (t) => {
  const bomb = framed(gzipSync(Buffer.alloc(40 * mebibyte)), 1);
  t.deepEqual(await inflated(t, [bomb, framed(small)]), Buffer.from("00ffffffff", "hex"));
  t.deepEqual(await inflated(t, [Buffer.from("01ffffffff00", "hex")]), Buffer.from("00ffffffff", "hex"));
});

test("no more is made of a message when its stream is closed", async (t) => {
  const all = seen(mebibyte);
  all.inflation.take(framed(gzipSync(Buffer.alloc(30 * mebibyte)), 1));
  while (all.mostHeld < mebibyte || all.held > 0) await nextTurn();
  all.inflation.take(null);
  await all.ended;
  t.true(all.mostHeld < 2 * mebibyte);
  t.is(all.held, 0);
});

test("only what is known is taken off", (t) => {
  const encodings = ["gzip", "deflate", "identity", "zstd", undefined].map((name) =>
    encodingOf({ "grpc-encoding": name }),
  );
  t.deepEqual(encodings, ["gzip", "deflate", undefined, undefined, undefined]);
});

test("a compressed message in a stream of requests is UNIMPLEMENTED; others in it are read", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t));
  const session = await rawSession(server.socket);
  const answered = async (message: Buffer): Promise<number | undefined> => {
    const stream = rawStream(session, DocumentServiceService.pipeline.path, { "grpc-encoding": "gzip" });
    const answer = answerOf(stream);
    stream.end(message);
    return (await answer).status;
  };
  t.is(await answered(framed(gzipSync(small), 1)), status.UNIMPLEMENTED);
  t.is(await answered(framed(new Uint8Array())), status.OK);
  session.destroy();
});

test("many bombs at a time are refused beyond what calls may hold, and leave nothing behind", async (t) => {
  const server = await serverIn(t, await temporaryDirectory(t), { memoryBytes: 64 * mebibyte });
  const client = clientOf(t, server.socket);
  const session = await rawSession(server.socket);
  const bomb = framed(deflateSync(Buffer.alloc(30 * mebibyte)), 1);
  const answers = Array.from({ length: 20 }, () => {
    const stream = rawStream(session, DocumentServiceService.createDocument.path, { "grpc-encoding": "deflate" });
    const answer = answerOf(stream);
    stream.end(bomb);
    return answer;
  });
  let most = 0;
  let open = true;
  const done = Promise.all(answers).finally(() => (open = false));
  while (open) {
    const { memory } = await call(client, OperationsServiceService.getStats, { database: "" });
    most = Math.max(most, Number(memory?.callBytes));
  }
  const refused = (await done).filter(({ resetCode }) => resetCode === 11);
  t.true(refused.length > 10, `${refused.length} were refused`);
  t.true(most < 40 * mebibyte, `calls held ${most} bytes`);
  session.destroy();
  for (;;) {
    const { memory } = await call(client, OperationsServiceService.getStats, { database: "" });
    if (Number(memory?.callBytes) < 100) break;
  }
});
