// Calls spelled frame by frame, on a connection of their own, as no HTTP/2 library makes them: reset in the packet that
// opens them, again when they are closed, answered into windows of nothing and sockets that nobody reads, and left with
// a GOAWAY or in the middle of a frame. Nobody judges the answers; the server must go on.

import { constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { framed } from "../rpc/raw-client.ts";
import { flags, frame, headerBlock, literal, preface, RawConnection, types } from "../rpc/raw-frames.ts";

/** A call: the path of its method, and its request. */
export type DrawCall = () => { readonly path: string; readonly request: Uint8Array };

const endings: readonly [number, ...number[]] = [
  constants.NGHTTP2_CANCEL,
  constants.NGHTTP2_CANCEL,
  constants.NGHTTP2_NO_ERROR,
  constants.NGHTTP2_INTERNAL_ERROR,
  constants.NGHTTP2_REFUSED_STREAM,
];
const windows: readonly [number, ...number[]] = [0, 1, 10_000, 65_535, 1_048_576, 0x7fff_ffff];
const timeouts: readonly [string, ...string[]] = ["0m", "1m", "5m", "1u", "20S"];
/** Calls in flight at which no more are opened. */
const most = 100;

/** Makes calls for a moment, and leaves. */
export async function makeRawCalls(socket: string, random: Prng, draw: DrawCall): Promise<void> {
  const connection = new RawConnection(socket);
  const frames = new RawCalls(random, draw);
  connection.socket.write(Buffer.concat([preface, frames.settings()]));
  for (let packet = 5 + random.below(30); packet > 0 && !connection.closed; packet--) {
    const bytes = Buffer.concat(Array.from({ length: 1 + random.below(8) }, () => frames.next()));
    connection.socket.write(random.chance(0.9) ? bytes : bytes.subarray(0, random.below(bytes.length)));
    if (random.chance(0.2)) connection.socket.pause();
    if (random.chance(0.2)) connection.socket.resume();
    if (random.chance(0.7)) await sleep(random.below(10));
  }
  if (random.chance(0.5)) connection.socket.write(frames.goaway());
  connection.socket.destroy();
  await connection.end();
}

class RawCalls {
  readonly #random: Prng;
  readonly #draw: DrawCall;
  readonly #open: number[] = [];
  #lastStream = -1;

  constructor(random: Prng, draw: DrawCall) {
    this.#random = random;
    this.#draw = draw;
  }

  /** Frames that do one thing. */
  next(): Buffer {
    const random = this.#random;
    const stream = this.#open[random.below(this.#open.length)];
    const drawn = random.below(100);
    if (stream === undefined || (drawn < 45 && this.#open.length < most)) return this.#call();
    if (drawn < 75) return this.#reset(stream);
    if (drawn < 85) return frame(types.windowUpdate, 0, stream, u32(1 + random.below(200_000)));
    if (drawn < 90) return frame(types.windowUpdate, 0, 0, u32(1 + random.below(1_000_000)));
    if (drawn < 93) return this.settings();
    if (drawn < 96)
      return frame(types.data, random.pick([0, flags.endStream]), stream, Buffer.alloc(random.below(100)));
    if (drawn < 98) return frame(types.headers, flags.endHeaders | flags.endStream, stream, trailers(random));
    return random.chance(0.5) ? this.goaway() : frame(types.ping, 0, 0, Buffer.alloc(8));
  }

  settings(): Buffer {
    return frame(types.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), u32(this.#random.pick(windows))]));
  }

  goaway(): Buffer {
    return frame(types.goaway, 0, 0, Buffer.concat([u32(0), u32(this.#random.below(14))]));
  }

  #call(): Buffer {
    const random = this.#random;
    const { path, request } = this.#draw();
    const stream = (this.#lastStream += 2);
    const more: [string, string][] = random.chance(0.3) ? [["grpc-timeout", random.pick(timeouts)]] : [];
    const open = frame(types.headers, flags.endHeaders, stream, headerBlock(path, more));
    this.#open.push(stream);
    if (random.chance(0.1)) return Buffer.concat([open, this.#reset(stream)]);
    // What a frame may carry at most; of a longer request this is the beginning.
    const body = framed(request).subarray(0, 16_384);
    const message = frame(types.data, random.chance(0.8) ? flags.endStream : 0, stream, body);
    return Buffer.concat([open, message, ...(random.chance(0.1) ? [this.#reset(stream)] : [])]);
  }

  /** Ends a stream; a few are reset again later, and get other frames that come too late. */
  #reset(stream: number): Buffer {
    if (this.#random.chance(0.9)) this.#open.splice(this.#open.indexOf(stream), 1);
    return frame(types.rstStream, 0, stream, u32(this.#random.pick(endings)));
  }
}

/** Now and then more headers than there may be. */
function trailers(random: Prng): Buffer {
  return Buffer.concat(Array.from({ length: random.pick([1, 200]) }, (_, i) => literal(`x${i}`, "y")));
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
