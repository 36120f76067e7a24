// What the client encodes and decodes by hand, against generated code.

import test from "ava";
import * as fc from "fast-check";
import {
  type PipelineCall,
  type PipelineReply,
  PipelineRequest,
  PipelineResponse,
  DocumentServiceService as Rpcs,
} from "../../gen/docdb/v1/document.ts";
import { ProtobufWriter } from "../../src/base/protobuf-writer.ts";
import {
  decodeReplies,
  encodable,
  encodeCall,
  type PipelinedRpc,
  pipelinedRpcs,
  type Reply,
} from "../../src/client/pipeline-encoding.ts";

type Name = NonNullable<PipelineCall["request"]>["$case"];

const uint64 = fc.oneof(fc.constant(0n), fc.constant(7n), fc.bigInt(0n, 2n ** 64n - 1n));
const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constant("x".repeat(20_000)));
const precondition = fc.constantFrom(
  undefined,
  { condition: { $case: "version", value: 5n } } as const,
  { condition: { $case: "exists", value: false } } as const,
);
const address = { database: text, collection: text, id: uint64, transactionId: text };
const mutation = { ...address, precondition, requestId: text };
const request = fc.oneof(
  fc.record({ $case: fc.constant("getDocument"), value: fc.record(address) }),
  fc.record({ $case: fc.constant("createDocument"), value: fc.record({ ...mutation, json: text }) }),
  fc.record({
    $case: fc.constant("updateDocument"),
    value: fc.record({ ...mutation, json: text, allowMissing: fc.boolean() }),
  }),
  fc.record({ $case: fc.constant("deleteDocument"), value: fc.record({ ...mutation, allowMissing: fc.boolean() }) }),
  fc.record({
    $case: fc.constant("listDocuments"),
    value: fc.record({ database: text, collection: text, pageSize: fc.nat(), pageToken: text, transactionId: text }),
  }),
) as fc.Arbitrary<NonNullable<PipelineCall["request"]>>;

function pipelinedOf(name: Name): PipelinedRpc {
  return pipelinedRpcs.get(Rpcs[name]) as PipelinedRpc;
}

test("calls are encoded as generated code does", (t) => {
  const timeoutMs = fc.nat({ max: 0xffff_ffff });
  const traceparent = fc.constantFrom("", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`);
  const calls = fc.array(fc.record({ request, timeoutMs, traceparent }), { maxLength: 5 });
  fc.assert(
    fc.property(calls, (made) => {
      const writer = new ProtobufWriter(64);
      for (const [i, { request: asked, ...rest }] of made.entries()) {
        const pipelined = pipelinedOf(asked.$case);
        encodeCall(writer, i + 1, pipelined.field, encodable(pipelined, asked.value), rest.timeoutMs, rest.traceparent);
      }
      const expected = made.map((each, i) => ({ ...each, callId: BigInt(i + 1) }));
      t.deepEqual(new Uint8Array(writer.take()), PipelineRequest.encode({ calls: expected }).finish());
    }),
  );
});

const time = fc.oneof(
  fc.constant(undefined),
  fc.record({ seconds: fc.bigInt(0n, 253_402_300_799n), nanos: fc.nat({ max: 999_999_999 }) }),
);
const document = fc.record({ id: uint64, json: text, version: uint64, createTime: time, updateTime: time });
const stamp = fc.record({ id: uint64, version: uint64, createTime: time, updateTime: time });
const response = fc.oneof(
  fc.record({ $case: fc.constant("getDocument"), value: fc.record({ document }) }),
  fc.record({
    $case: fc.constantFrom("createDocument", "updateDocument", "deleteDocument", "patchDocument"),
    value: stamp,
  }),
  fc.record({
    $case: fc.constant("listDocuments"),
    value: fc.record({ documents: fc.array(document, { maxLength: 3 }), nextPageToken: text }),
  }),
) as fc.Arbitrary<Exclude<NonNullable<PipelineReply["response"]>, { $case: "error" }>>;

test("replies are decoded as generated code does, whatever else is in the message", (t) => {
  fc.assert(
    fc.property(fc.array(response, { maxLength: 5 }), (responses) => {
      const replies = responses.map((each, i) => ({ callId: BigInt(i + 1), response: each }));
      const error: PipelineReply["response"] = { $case: "error", value: { code: 5, message: "No.", details: [] } };
      const message = PipelineResponse.encode({
        replies: [...replies, { callId: 1_000n, response: error }, { callId: 2_000n, response: error }],
      }).finish();
      // Fields that this version doesn't know.
      const received = Buffer.concat([Buffer.from([0x9a, 0x06, 0x01, 0x78]), message]);
      const found = new Map<number, Reply>();
      const rpcOf = (callId: number): PipelinedRpc | undefined => {
        if (callId === 1_000) return pipelinedOf("getDocument");
        const asked = responses[callId - 1];
        return asked === undefined ? undefined : pipelinedOf(asked.$case);
      };
      decodeReplies(received, rpcOf, (callId, reply) => found.set(callId, reply));
      t.deepEqual(found.get(1_000), { error: error.value });
      // Nobody waits for that one.
      t.is(found.size, responses.length + 1);
      for (const [i, { $case, value }] of responses.entries()) {
        const { response: got } = found.get(i + 1) as { response: object };
        // A stamp is decoded as a document without content.
        const isStamp = !["getDocument", "listDocuments"].includes($case);
        t.deepEqual(got, isStamp ? { ...value, json: "" } : value);
      }
    }),
  );
});
