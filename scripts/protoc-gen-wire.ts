// A protoc plugin that generates a second form of our messages, for the server: every field that carries JSON text is
// bytes there, and so are the other texts in which any character may stand. On the wire `string` and `bytes` look the
// same, so both forms speak the same protocol, but the server gets the exact bytes that the client sent: no JavaScript
// string is made of them that it doesn't need, and none that hides what wasn't UTF-8.
//
// It runs ts-proto on a changed CodeGeneratorRequest: files of ours with such fields move to `wire/`, the fields become
// bytes, and nothing else is generated.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type DescriptorProto,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** Names of the fields that become bytes, wherever they occur in our package: JSON texts, and other free ones. */
const freeTexts = new Set(["json", "json_patch", "merge_patch", "path", "request_id"]);

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));

const moved = new Map<string, string>();
for (const file of request.protoFile) {
  if (file.package === "docdb.v1" && turnIntoBytes(file)) moved.set(file.name, `wire/${file.name}`);
}
for (const file of request.protoFile) {
  file.name = moved.get(file.name) ?? file.name;
  file.dependency = file.dependency.map((name) => moved.get(name) ?? name);
}
request.fileToGenerate = [...moved.values()];

const plugin = createRequire(import.meta.url).resolve("ts-proto/protoc-gen-ts_proto");
const run = spawnSync(process.execPath, [plugin], {
  input: toBinary(CodeGeneratorRequestSchema, request),
  maxBuffer: 1 << 28,
  stdio: ["pipe", "pipe", "inherit"],
});
if (run.status !== 0) throw new Error(`ts-proto failed with exit code ${run.status}`);

const response = fromBinary(CodeGeneratorResponseSchema, run.stdout);
for (const file of response.file) file.content = withoutCopies(file.content);
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response));

/**
 * The generated code with serializers that hand out the bytes that the writer made, where ts-proto copies them once
 * more only to turn a Uint8Array into the Buffer that grpc-js wants.
 */
function withoutCopies(source: string): string {
  const encoded = /Buffer\.from\((\w+\.encode\(value\)\.finish\(\))\)/g;
  const asBuffer = [
    "/** The same bytes as a Buffer, without a copy. */",
    "function asBuffer(bytes: Uint8Array): Buffer {",
    "  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);",
    "}",
  ];
  return `${source.replace(encoded, "asBuffer($1)")}\n${asBuffer.join("\n")}\n`;
}

/** Changes the type of a file's free texts to bytes; says whether there were any. */
function turnIntoBytes(file: FileDescriptorProto): boolean {
  let found = false;
  const visit = (message: DescriptorProto): void => {
    for (const field of message.field) {
      if (field.type !== FieldDescriptorProto_Type.STRING || !freeTexts.has(field.name)) continue;
      field.type = FieldDescriptorProto_Type.BYTES;
      found = true;
    }
    message.nestedType.forEach(visit);
  };
  file.messageType.forEach(visit);
  return found;
}
