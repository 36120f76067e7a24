// The generated code is what the server and its clients trust: both forms of it speak one protocol, on the Node.js that
// the package asks for.

import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import test from "ava";
import { DatabaseServiceService } from "../gen/docdb/v1/database.ts";
import * as text from "../gen/docdb/v1/document.ts";
import * as bytes from "../gen/wire/docdb/v1/document.ts";

const json = '{"n":18446744073709551615,"f":1.0,"e":1e400,"é":"\\ud83d\\ude00"}';
const maxId = 2n ** 64n - 1n;

test("tests run on the Node.js that package.json pins", (t) => {
  t.is(process.versions.node.split(".")[0], "26");
});

test("a document with JSON as text and one with JSON as bytes are the same on the wire", (t) => {
  const fields = { id: maxId, version: 7n, createTime: { seconds: 1n, nanos: 5 }, updateTime: undefined };
  const fromText = text.Document.encode({ ...fields, json }).finish();
  const fromBytes = bytes.Document.encode({ ...fields, json: Buffer.from(json) }).finish();
  t.deepEqual(Buffer.from(fromText), Buffer.from(fromBytes));
  t.is(text.Document.decode(fromBytes).json, json);
  t.is(text.Document.decode(fromBytes).id, maxId);
});

test("JSON that isn't UTF-8 reaches the server as it was sent", (t) => {
  const invalid = Buffer.from([0x22, 0xff, 0xfe, 0x22]);
  const request = bytes.CreateDocumentRequest.create({ database: "d", json: invalid });
  const decoded = bytes.CreateDocumentRequest.decode(bytes.CreateDocumentRequest.encode(request).finish());
  t.deepEqual(Buffer.from(decoded.json), invalid);
});

test("decoding takes JSON out of a message without copying it", (t) => {
  const message = Buffer.from(text.Document.encode(text.Document.create({ id: 1n, json })).finish());
  const decoded = bytes.Document.decode(message);
  t.is(decoded.json.buffer, message.buffer);
  t.true(Buffer.isBuffer(decoded.json));
});

test("every free text is bytes in the wire form", (t) => {
  const patch = { op: bytes.PatchOperationType.SET, path: Buffer.from("/a"), json: Buffer.from("1") };
  const fields = { collection: "c", id: 1n, precondition: undefined };
  const patches = { operations: [patch], jsonPatch: Buffer.from("[]"), mergePatch: Buffer.from("{}") };
  const operations: bytes.WriteOperation[] = [
    { operation: { $case: "create", value: { ...fields, json: Buffer.from("1") } } },
    { operation: { $case: "update", value: { ...fields, json: Buffer.from("2"), allowMissing: true } } },
    { operation: { $case: "delete", value: { ...fields, allowMissing: false } } },
    { operation: { $case: "patch", value: { ...fields, ...patches } } },
  ];
  const request = bytes.BatchWriteRequest.create({ database: "d", operations, requestId: Buffer.from("r") });
  const decoded = text.BatchWriteRequest.decode(bytes.BatchWriteRequest.encode(request).finish());
  t.is(decoded.requestId, "r");
  t.like(decoded.operations[0]?.operation, { $case: "create", value: { json: "1" } });
  t.like(decoded.operations[1]?.operation, { $case: "update", value: { json: "2" } });
  t.like(decoded.operations[3]?.operation, {
    $case: "patch",
    value: { operations: [{ path: "/a", json: "1" }], jsonPatch: "[]", mergePatch: "{}" },
  });
});

test("an unknown enum number stays visible after decoding", (t) => {
  t.is(bytes.PatchOperation.decode(Buffer.from([0x08, 99])).op, 99 as never);
});

test("both forms name the same methods, and reads are marked as free of side effects", (t) => {
  const paths = (service: object): string[] => Object.values(service).map((method: { path: string }) => method.path);
  t.deepEqual(paths(bytes.DocumentServiceService), paths(text.DocumentServiceService));
  t.true(paths(DatabaseServiceService).includes("/docdb.v1.DatabaseService/GetDatabase"));

  const descriptors = readDescriptors();
  const ours = descriptors.file.filter((file) => file.package === "docdb.v1");
  const methods = ours.flatMap((file) => file.service).flatMap((service) => service.method);
  for (const { name, options } of methods) {
    const reads = /^(Get|List|BatchGet|Scan|Verify)/.test(name);
    t.is(options?.idempotencyLevel === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS, reads, name);
  }
});

test("the descriptors hold every served file after all that it imports", (t) => {
  const descriptors = readDescriptors();
  const seen = new Set<string>();
  for (const file of descriptors.file) {
    for (const name of file.dependency) t.true(seen.has(name), `${file.name} comes before ${name}, which it imports`);
    seen.add(file.name);
  }
  const services = descriptors.file.flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
  t.deepEqual(services.toSorted(), [
    "docdb.v1.CollectionService",
    "docdb.v1.DatabaseService",
    "docdb.v1.DocumentService",
    "docdb.v1.HealingService",
    "docdb.v1.OperationsService",
    "docdb.v1.TransactionService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ]);
});

function readDescriptors(): ReturnType<typeof fromBinary<typeof FileDescriptorSetSchema>> {
  return fromBinary(FileDescriptorSetSchema, readFileSync(new URL("../gen/descriptors.binpb", import.meta.url)));
}
