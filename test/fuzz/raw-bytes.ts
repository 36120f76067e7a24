// A client that speaks no HTTP/2, or not for long: random bytes, halves of greetings, frames with nonsense in them.

import { createConnection } from "node:net";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { randomBytes } from "./mutation.ts";

export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** An HTTP/2 frame. RFC 9113, 4.1. */
export function frame(type: number, flags: number, stream: number, content: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

/** Says nonsense on a connection of its own, and leaves when the server hangs up or after a moment. */
export async function talkNonsense(socket: string, random: Prng): Promise<void> {
  const connection = createConnection(socket);
  connection.on("error", () => undefined);
  connection.resume();
  const closed = new Promise<void>((resolve) => connection.once("close", () => resolve()));
  connection.write(greeting(random));
  for (let i = random.below(30); i > 0; i--) connection.write(nonsense(random));
  const timer = setTimeout(() => connection.destroy(), random.below(100));
  await closed;
  clearTimeout(timer);
}

function greeting(random: Prng): Buffer {
  switch (random.below(4)) {
    case 0:
      return Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    case 1:
      return preface.subarray(0, random.below(preface.length));
    default:
      return Buffer.concat([preface, frame(4, 0, 0)]);
  }
}

function nonsense(random: Prng): Buffer {
  if (random.chance(0.1)) return randomBytes(random);
  return frame(
    random.below(12),
    random.below(256),
    random.pick([0, 1, 2, 3, 0x7fff_ffff, random.u32()]),
    randomBytes(random),
  );
}
