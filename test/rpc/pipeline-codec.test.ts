// What is encoded and decoded by hand, against generated code.

import test from "ava";
import * as fc from "fast-check";
import {
  GetDocumentResponse,
  ListDocumentsResponse,
  PipelineCall,
  PipelineReply,
  PipelineRequest,
  PipelineResponse,
  ScanDocumentsResponse,
} from "../../gen/wire/docdb/v1/document.ts";
import { ProtobufWriter } from "../../src/base/protobuf-writer.ts";
import { encodeGetResponse, encodeListResponse, encodeScanResponse } from "../../src/rpc/document-encoding.ts";
import { callsIn, decodeCall } from "../../src/rpc/pipeline-decoding.ts";
import { encodeReply, type Response } from "../../src/rpc/pipeline-encoding.ts";

const uint64 = fc.oneof(fc.constant(0n), fc.constant(7n), fc.bigInt(0n, 2n ** 64n - 1n));
const name = fc.constantFrom("", "app", "_default", "Bücher", "x".repeat(64), "x".repeat(100));
const text = fc.constantFrom("", "r-1");
const requestId = fc.constantFrom(Buffer.alloc(0), Buffer.from("r-1"), Buffer.of(0xff));
const json = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(Buffer.alloc(20_000, "x")),
);
const precondition = fc.constantFrom(
  undefined,
  { condition: undefined },
  { condition: { $case: "version", value: 5n } } as const,
  { condition: { $case: "exists", value: false } } as const,
);
const allowMissing = fc.boolean();
const address = { database: name, collection: name, id: uint64, transactionId: text };
const mutation = { ...address, precondition, requestId };

const request = fc.oneof(
  fc.record({ $case: fc.constant("getDocument"), value: fc.record(address) }),
  fc.record({ $case: fc.constant("createDocument"), value: fc.record({ ...mutation, json }) }),
  fc.record({ $case: fc.constant("updateDocument"), value: fc.record({ ...mutation, json, allowMissing }) }),
  fc.record({ $case: fc.constant("deleteDocument"), value: fc.record({ ...mutation, allowMissing }) }),
  fc.record({
    $case: fc.constant("patchDocument"),
    value: fc.record({ ...mutation, operations: fc.constant([]), jsonPatch: json, mergePatch: json }),
  }),
  fc.record({
    $case: fc.constant("batchGetDocuments"),
    value: fc.record({ database: name, collection: name, ids: fc.array(uint64), transactionId: text }),
  }),
  fc.constant(undefined),
) as fc.Arbitrary<PipelineCall["request"]>;

const call: fc.Arbitrary<PipelineCall> = fc.record({
  callId: uint64,
  request,
  timeoutMs: fc.oneof(fc.constant(0), fc.nat({ max: 0xffff_ffff })),
  traceparent: fc.constantFrom("", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`),
});

test("calls are decoded as generated code does", (t) => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 5 }), (calls) => {
      const message = Buffer.from(PipelineRequest.encode({ calls }).finish());
      const places = callsIn(message);
      const decoded = calls.map((_, i) => decodeCall(message, places[2 * i] as number, places[2 * i + 1] as number));
      const expected = PipelineRequest.decode(message).calls;
      t.deepEqual(
        decoded.map((each) => ({ ...each, callId: BigInt(each.callId) })),
        expected,
      );
    }),
  );
});

test("a call with fields that only generated code knows is left to it", (t) => {
  const plain = PipelineCall.encode({
    callId: 9n,
    request: { $case: "getDocument", value: { database: "d", collection: "c", id: 1n, transactionId: "" } },
    timeoutMs: 0,
    traceparent: "",
  }).finish();
  const unknown = Buffer.concat([plain, Buffer.from([0x9a, 0x06, 0x01, 0x78])]);
  t.deepEqual(decodeCall(unknown, 0, unknown.length), decodeCall(Buffer.from(plain), 0, plain.length));
});

test("bytes that are no call throw, and nothing is read beyond them", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const message = Buffer.concat([bytes, Buffer.alloc(50, 0xff)]);
      let ours: unknown;
      try {
        ours = decodeCall(message, 0, bytes.length);
      } catch {
        ours = undefined;
      }
      let theirs: PipelineCall | undefined;
      try {
        theirs = PipelineCall.decode(bytes);
      } catch {
        theirs = undefined;
      }
      // Where the library tolerates what breaks the format, such as an end group, ours may refuse; never the reverse.
      if (ours !== undefined) t.not(theirs, undefined);
    }),
  );
});

const time = fc.oneof(
  fc.constant(undefined),
  fc.record({ seconds: fc.bigInt(0n, 253_402_300_799n), nanos: fc.nat({ max: 999_999_999 }) }),
);
const stamp = fc.record({ id: uint64, version: uint64, createTime: time, updateTime: time });
const document = fc.record({ id: uint64, json, version: uint64, createTime: time, updateTime: time });
const stampCase = fc.constantFrom("createDocument", "updateDocument", "deleteDocument", "patchDocument");

const response = fc.oneof(
  fc.record({
    $case: fc.constant("getDocument"),
    value: fc.record({ document: fc.oneof(document, fc.constant(undefined)) }),
  }),
  fc.record({ $case: stampCase, value: stamp }),
  fc.record({
    $case: fc.constant("listDocuments"),
    value: fc.record({ documents: fc.array(document, { maxLength: 3 }), nextPageToken: text }),
  }),
  fc.record({
    $case: fc.constant("error"),
    value: fc.record({ code: fc.nat(16), message: fc.string(), details: fc.constant([]) }),
  }),
) as fc.Arbitrary<Response>;

test("replies are encoded as generated code does", (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ callId: uint64, response }), { maxLength: 5 }), (replies) => {
      const writer = new ProtobufWriter(256);
      for (const { callId, response: answer } of replies) {
        encodeReply(writer, callId <= Number.MAX_SAFE_INTEGER ? Number(callId) : callId, answer);
      }
      t.deepEqual(new Uint8Array(writer.take()), PipelineResponse.encode({ replies }).finish());
    }),
  );
});

test("documents outside a pipeline are encoded as generated code does", (t) => {
  const documents = fc.array(document, { maxLength: 4 });
  const error = { code: 15, message: "damaged", details: [] };
  const ids = fc.array(uint64, { maxLength: 3 });
  fc.assert(
    fc.property(
      documents,
      text,
      uint64,
      fc.option(document, { nil: undefined }),
      ids,
      (many, token, version, one, of) => {
        const unreadable = of.map((id) => ({ id, error }));
        const scanned = { documents: many, resumeToken: token, version, unreadable };
        t.deepEqual(new Uint8Array(encodeScanResponse(scanned)), ScanDocumentsResponse.encode(scanned).finish());
        t.deepEqual(
          new Uint8Array(encodeListResponse({ documents: many, nextPageToken: token })),
          ListDocumentsResponse.encode({ documents: many, nextPageToken: token }).finish(),
        );
        t.deepEqual(
          new Uint8Array(encodeGetResponse({ document: one })),
          GetDocumentResponse.encode({ document: one }).finish(),
        );
      },
    ),
  );
});

test("a reply that no client could take is RESPONSE_TOO_LARGE, and nothing of it is written", (t) => {
  const writer = new ProtobufWriter(16);
  const huge = {
    id: 1n,
    json: Buffer.alloc(33 * 1024 * 1024),
    version: 1n,
    createTime: undefined,
    updateTime: undefined,
  };
  t.throws(() => encodeReply(writer, 1, { $case: "getDocument", value: { document: huge } }), {
    code: "RESPONSE_TOO_LARGE",
  });
  t.is(writer.length, 0);
  t.deepEqual(PipelineReply.decode(new Uint8Array()), { callId: 0n, response: undefined });
});
