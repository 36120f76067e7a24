// Pipelines, as no good client uses them: calls of all kinds in messages of all sizes, ended in the middle, cut off,
// read late. One that is used well must answer each call exactly once.

import { type ClientHttp2Session, constants } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { PipelineResponse } from "../../gen/docdb/v1/document.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { answerOf, framed, type RawAnswer, rawStream } from "../rpc/raw-client.ts";
import { methodNamed, pathOf } from "./grammar.ts";
import type { Circumstances } from "./judge.ts";
import { mutated } from "./mutation.ts";
import { type Delays, Patience } from "./patience.ts";
import type { RandomMessages } from "./random-message.ts";

/** Who uses the pipeline. */
export interface PipelineUser {
  readonly random: Prng;
  readonly messages: RandomMessages;
  readonly delays: Delays;
  doing: string;
  session(): Promise<ClientHttp2Session>;
  judge(what: string, request: Uint8Array, answer: RawAnswer, circumstances: Circumstances): void;
}

const pipeline = methodNamed("Pipeline");
const callMessage = pipeline.input.fields[0]?.message;

/** How a client may end its stream. */
const endings = ["half-close", "half-close", "half-close", "cancel", "silence"] as const;

export async function runPipeline(client: PipelineUser): Promise<void> {
  const { random } = client;
  const stream = rawStream(await client.session(), pathOf(pipeline), { "grpc-timeout": "15S" });
  const answer = answerOf(stream);
  const patience = new Patience(client.delays);
  const clean = random.chance(0.6);
  const ending = random.pick(endings);
  client.doing = `Pipeline, ended by ${ending}`;
  let calls = 0;
  let last: Uint8Array = Buffer.alloc(0);
  for (let message = 1 + random.below(8); message > 0; message--) {
    const count = random.chance(0.02) ? random.below(600) : random.below(30);
    last = drawCalls(client, calls, count, clean);
    calls += count;
    stream.write(framed(last));
    if (random.chance(0.3)) await sleep(random.below(5));
  }
  if (ending === "half-close") stream.end();
  else if (ending === "cancel") stream.close(constants.NGHTTP2_CANCEL);
  else setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), random.below(200));
  const answered = await answer;
  const circumstances = { tookMs: patience.tookMs, timeoutMs: 15_000 };
  const abandoned = ending !== "half-close";
  client.judge("Pipeline", last, answered, { ...circumstances, abandoned, also: abandoned ? ["CANCELLED"] : [] });
  if (clean && ending === "half-close" && answered.status === 0) {
    const ids = answered.messages.flatMap((bytes) =>
      PipelineResponse.decode(bytes).replies.map(({ callId }) => callId),
    );
    const different = new Set(ids).size;
    if (ids.length === calls && different === calls) return;
    throw new Error(`Pipeline: ${calls} calls had ${ids.length} replies to ${different} of them`);
  }
}

/** A PipelineRequest with `count` calls, numbered from `first`. */
function drawCalls({ messages, random }: PipelineUser, first: number, count: number, clean: boolean): Uint8Array {
  const writer = new BinaryWriter();
  for (let i = 0; i < count; i++) {
    if (callMessage === undefined) throw new Error("PipelineRequest has no calls any more");
    // The last number that a call has counts.
    const id = new BinaryWriter()
      .tag(1, WireType.Varint)
      .uint64(first + i)
      .finish();
    const drawn = Buffer.concat([messages.draw(callMessage, clean), id]);
    writer.tag(1, WireType.LengthDelimited).bytes(!clean && random.chance(0.02) ? mutated(drawn, random) : drawn);
  }
  return writer.finish();
}
