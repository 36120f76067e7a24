// Reflection, in both versions of its protocol: every file and every name of the descriptor set is found, and the files
// that come back are whole.

import { readFileSync } from "node:fs";
import { createFileRegistry, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Client } from "@grpc/grpc-js";
import test from "ava";
import * as v1 from "../../gen/grpc/reflection/v1/reflection.ts";
import * as v1alpha from "../../gen/grpc/reflection/v1alpha/reflection.ts";
import { temporaryServer } from "../server/temporary-server.ts";

const descriptorSet = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(new URL("../../gen/descriptors.binpb", import.meta.url)),
);
const registry = createFileRegistry(descriptorSet);

const versions = {
  v1: v1.ServerReflectionService.serverReflectionInfo,
  v1alpha: v1alpha.ServerReflectionService.serverReflectionInfo,
};

type Asked = NonNullable<v1.ServerReflectionRequest["messageRequest"]>;
type Answered = v1.ServerReflectionResponse;

/** Asks everything on one stream, and returns the answers in order. */
function ask(client: Client, version: keyof typeof versions, asked: readonly Asked[]): Promise<Answered[]> {
  const { path, requestSerialize, responseDeserialize } = versions[version];
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const answers: Answered[] = [];
  return new Promise((resolve, reject) => {
    stream.on("data", (answer: Answered) => answers.push(answer));
    stream.on("error", reject);
    stream.on("end", () => resolve(answers));
    for (const messageRequest of asked) stream.write({ host: "here", messageRequest });
    stream.end();
  });
}

function filesIn({ messageResponse }: Answered) {
  if (messageResponse?.$case !== "fileDescriptorResponse") throw new Error(JSON.stringify(messageResponse));
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

/** Every name that is declared, with its file; `values` live beside their enum. */
function declaredNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const type of registry) {
    const file = `${type.file.name}.proto`;
    names.set(type.typeName, file);
    const scope = type.typeName.split(".").slice(0, -1).join(".");
    if (type.kind === "service") for (const { name } of type.methods) names.set(`${type.typeName}.${name}`, file);
    if (type.kind === "enum") for (const { name } of type.values) names.set(`${scope}.${name}`, file);
    if (type.kind === "message") for (const name of membersOf(type)) names.set(`${type.typeName}.${name}`, file);
  }
  return names;
}

function membersOf(type: DescMessage): string[] {
  return [...type.fields, ...type.oneofs].map(({ name }) => name);
}

for (const version of ["v1", "v1alpha"] as const) {
  test(`${version} lists every service`, async (t) => {
    const client = await temporaryServer(t);
    const [answer] = await ask(client, version, [{ $case: "listServices", value: "" }]);
    t.is(answer?.validHost, "here");
    const listed = answer?.messageResponse;
    if (listed?.$case !== "listServicesResponse") return t.fail();
    const services = descriptorSet.file.flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
    t.deepEqual(listed.value.service.map(({ name }) => name).toSorted(), services.toSorted());
    t.is(services.length, 9);
  });

  test(`${version} returns every file with all that it imports, itself first`, async (t) => {
    const client = await temporaryServer(t);
    const names = descriptorSet.file.map(({ name }) => name);
    t.true(names.includes("google/protobuf/timestamp.proto") && names.includes("google/rpc/error_details.proto"));
    const answers = await ask(
      client,
      version,
      names.map((value) => ({ $case: "fileByFilename", value })),
    );
    for (const [i, answer] of answers.entries()) {
      const files = filesIn(answer);
      t.deepEqual(files[0], descriptorSet.file[i]);
      const returned = files.map(({ name }) => name);
      for (const file of files) for (const imported of file.dependency) t.true(returned.includes(imported), imported);
      t.is(new Set(returned).size, returned.length);
    }
    t.is(answers.length, names.length);
  });

  test(`${version} finds the file of every service, method, message, field, oneof, enum and value`, async (t) => {
    const client = await temporaryServer(t);
    const names = declaredNames();
    t.true(names.size > 400, String(names.size));
    t.is(names.get("docdb.v1.WriteOperation.Create"), "docdb/v1/document.proto");
    t.is(names.get("docdb.v1.DATABASE_STATE_OPEN"), "docdb/v1/database.proto");
    const asked = [...names.keys()].map((value) => ({ $case: "fileContainingSymbol", value }) as const);
    const answers = await ask(client, version, asked);
    const found = answers.map((answer) => filesIn(answer)[0]?.name);
    t.deepEqual(found, [...names.values()]);
  });

  test(`${version} says what it doesn't know, and goes on`, async (t) => {
    const client = await temporaryServer(t);
    const answers = await ask(client, version, [
      { $case: "fileByFilename", value: "no/such.proto" },
      { $case: "fileContainingSymbol", value: "docdb.v1.Nothing" },
      { $case: "fileContainingSymbol", value: "" },
      { $case: "fileContainingExtension", value: { containingType: "docdb.v1.Document", extensionNumber: 99 } },
      { $case: "allExtensionNumbersOfType", value: "docdb.v1.Nothing" },
      { $case: "allExtensionNumbersOfType", value: "docdb.v1.Document" },
      { $case: "fileContainingSymbol", value: "docdb.v1.Document" },
    ]);
    const notFound = answers.slice(0, 5).map(({ messageResponse }) => {
      return messageResponse?.$case === "errorResponse" ? messageResponse.value.errorCode : undefined;
    });
    t.deepEqual(notFound, [5, 5, 5, 5, 5]);
    t.deepEqual(answers[5]?.messageResponse, {
      $case: "allExtensionNumbersResponse",
      value: { baseTypeName: "docdb.v1.Document", extensionNumber: [] },
    });
    t.is(filesIn(answers[6] as Answered)[0]?.name, "docdb/v1/document.proto");
  });
}
