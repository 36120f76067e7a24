// What the protocol says, as the fuzzer needs it: every method of every service, out of the very descriptors that the
// server's reflection serves. A new RPC or field is fuzzed from the day it is there.

import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const descriptors = new URL("../../gen/descriptors.binpb", import.meta.url);

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));

/** All methods of all services. */
export const methods: readonly DescMethod[] = [...registry].flatMap((type) =>
  type.kind === "service" ? type.methods : [],
);

/** The path that HTTP/2 calls it by. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Names of all that is declared: messages, services, files. */
export const symbols: readonly string[] = [...registry].flatMap((type) => [type.typeName, `${type.file.name}.proto`]);

/** A method by its name; each name is there once, but for reflection's. */
export function methodNamed(name: string): DescMethod {
  const method = methods.find((candidate) => candidate.name === name);
  if (method === undefined) throw new Error(`the protocol has no method ${name}`);
  return method;
}

/**
 * How often each method is drawn, where it isn't 8. What takes a database away is rare, or there would be nothing to
 * work upon; what documents go through is frequent.
 */
const weights: Readonly<Record<string, number>> = {
  CreateDocument: 40,
  GetDocument: 24,
  UpdateDocument: 32,
  DeleteDocument: 16,
  PatchDocument: 32,
  BatchWrite: 24,
  BatchGetDocuments: 16,
  ListDocuments: 16,
  ScanDocuments: 16,
  BeginTransaction: 16,
  CommitTransaction: 16,
  OpenDatabase: 12,
  DeleteDatabase: 1,
  DeleteCollection: 1,
  CloseDatabase: 2,
  CompactDatabase: 2,
  VerifyDatabase: 2,
};

/** Each method as often as it is to be drawn. */
export const drawn: readonly DescMethod[] = methods.flatMap((method) =>
  Array.from({ length: weights[method.name] ?? 8 }, () => method),
);
