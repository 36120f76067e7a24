// A client that speaks no HTTP/2, or not for long: random bytes, halves of greetings, frames with nonsense in them.

import { createConnection } from "node:net";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { frame, preface, types } from "../rpc/raw-frames.ts";
import { randomBytes } from "./mutation.ts";

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
      return Buffer.concat([preface, frame(types.settings, 0, 0)]);
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
