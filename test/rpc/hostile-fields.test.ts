// Every field of every request, out of the descriptors, with what no honest client puts there. A field that is added to
// the protocol is asked here from its first day.

import { type DescField, type DescMessage, type DescMethod, ScalarType } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { connect } from "../../src/client/index.ts";
import { methods, pathOf } from "../fuzz/grammar.ts";
import { serverIn, temporaryDirectory } from "../server/temporary-server.ts";
import { type RawAnswer, rawCall, rawSession } from "./raw-client.ts";

/** What a field is given: the bytes of the field, tag and all. */
type Put = (writer: BinaryWriter, field: DescField) => void;

/** A way to a field through messages in messages. */
type Route = readonly [DescField, ...DescField[]];

const documents = [
  { id: 1, text: "first" },
  { id: 2, text: "second" },
];

/** Methods of the services that are ours to judge: reflection answers inside its messages, and a watch never ends. */
const judged = methods.filter(({ name }) => !["ServerReflectionInfo", "Watch"].includes(name));

/** The routes to all fields that `wanted` wants. */
function routesTo(message: DescMessage, wanted: (field: DescField) => boolean, seen: readonly string[] = []): Route[] {
  return message.fields.flatMap((field): Route[] => {
    const here: Route[] = wanted(field) ? [[field]] : [];
    const inner = field.message;
    if (inner === undefined || seen.includes(inner.typeName)) return here;
    const further = routesTo(inner, wanted, [...seen, inner.typeName]);
    return [...here, ...further.map((route): Route => [field, ...route])];
  });
}

/** A request that would be fine, but for what is put at the end of the route. */
function request(message: DescMessage, route: readonly DescField[], put: Put): Uint8Array {
  const writer = new BinaryWriter();
  const [next, ...rest] = route;
  for (const field of message.fields) {
    if (field !== next) usual(writer, field, next);
    else if (rest.length === 0) put(writer, field);
    else if (field.message !== undefined) {
      writer.tag(field.number, WireType.LengthDelimited).bytes(request(field.message, rest, put));
    }
  }
  return writer.finish();
}

function usual(writer: BinaryWriter, field: DescField, chosen: DescField | undefined): void {
  if (field.oneof !== undefined && field.oneof === chosen?.oneof) return;
  const text = { database: "d", json: '{"new":true}', path: "/new" }[field.name];
  if (text !== undefined) writer.tag(field.number, WireType.LengthDelimited).string(text);
  else if (field.name === "id") writer.tag(field.number, WireType.Varint).uint64(1);
  else if (field.name === "op") writer.tag(field.number, WireType.Varint).int32(1);
  else if (field.name === "operations" && field.message !== undefined && !chosen?.name.endsWith("_patch")) {
    writer.tag(field.number, WireType.LengthDelimited).bytes(usualOperation(field.message));
  }
}

/** An operation of a batch that deletes nothing, or one of a patch. */
function usualOperation(message: DescMessage): Uint8Array {
  if (message.name === "PatchOperation") return request(message, [], () => undefined);
  const nothing = new BinaryWriter().tag(3, WireType.Varint).uint64(99).tag(8, WireType.Varint).bool(true).finish();
  return new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(nothing).finish();
}

interface Asked {
  readonly ask: (method: DescMethod, body: Uint8Array) => Promise<RawAnswer>;
  readonly unchanged: () => Promise<void>;
}

async function serverWithDocuments(t: ExecutionContext): Promise<Asked> {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  const [client, session] = [await connect({ socket }), await rawSession(socket)];
  t.teardown(async () => {
    session.destroy();
    await client.close();
  });
  await client.databases.create("d");
  const collection = client.database("d").collection();
  for (const document of documents) await collection.create(document, { id: document.id });
  return {
    ask: async (method, body) => await rawCall(session, pathOf(method), body, { "grpc-timeout": "10S" }),
    unchanged: async () => {
      const stored: unknown[] = [];
      for await (const { value } of collection.list()) stored.push(value);
      t.deepEqual(stored, documents);
      const databases: string[] = [];
      for await (const { name } of client.databases.list()) databases.push(name);
      t.deepEqual(databases, ["d"]);
    },
  };
}

function namesIn(route: Route): string {
  return route.map(({ name }) => name).join(".");
}

/** The reason of a failure: of the call, or of the one result that a batch or a pipeline has. */
function reasonOf({ reason, messages }: RawAnswer): string | undefined {
  if (reason !== undefined) return reason;
  return /google\.rpc\.ErrorInfo[^A-Z]+(?:\n.)?([A-Z0-9_]{5,})/.exec(messages[0]?.toString("latin1") ?? "")?.[1];
}

async function refused(t: ExecutionContext, wanted: (field: DescField) => boolean, put: Put, reasons: RegExp) {
  const { ask, unchanged } = await serverWithDocuments(t);
  let fields = 0;
  for (const method of judged) {
    for (const route of routesTo(method.input, wanted)) {
      const reason = reasonOf(await ask(method, request(method.input, route, put)));
      const where = `${method.name}: ${namesIn(route)}: ${reason}`;
      t.regex(reason ?? "none", reasons, where);
      fields++;
    }
  }
  await unchanged();
  return fields;
}

/** Not UNKNOWN, not INTERNAL. */
const usualStatus: readonly number[] = [
  status.OK,
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.FAILED_PRECONDITION,
];

const isText = (field: DescField): boolean => field.scalar === ScalarType.STRING;

test("text that isn't UTF-8 is refused in every field, and changes nothing", async (t) => {
  const bytes = Buffer.from([0x61, 0xff, 0x62]);
  const put: Put = (writer, field) => writer.tag(field.number, WireType.LengthDelimited).bytes(bytes);
  // A text that only names something can't name anything.
  const reasons = /^(INVALID_UTF8|INVALID_NAME|INVALID_PAGE|INVALID_REQUEST|TRANSACTION_NOT_FOUND|SERVICE_UNKNOWN)$/;
  t.true((await refused(t, isText, put, reasons)) > 80);
});

test("a text of 100,000 NULs is refused in every field, and changes nothing", async (t) => {
  const bytes = Buffer.alloc(100_000);
  const put: Put = (writer, field) => writer.tag(field.number, WireType.LengthDelimited).bytes(bytes);
  const reasons =
    /^(INVALID_JSON|INVALID_PATH|INVALID_NAME|INVALID_PAGE|INVALID_REQUEST|TRANSACTION_NOT_FOUND|SERVICE_UNKNOWN)$/;
  t.true((await refused(t, isText, put, reasons)) > 80);
});

for (const value of [77, -1, 2 ** 31 - 1, -(2 ** 31)]) {
  test(`the enum value ${value} is refused in every field, and changes nothing`, async (t) => {
    const put: Put = (writer, field) => writer.tag(field.number, WireType.Varint).int32(value);
    const isEnum = (field: DescField): boolean => field.enum !== undefined;
    t.true((await refused(t, isEnum, put, /^INVALID_ENUM$/)) > 3);
  });
}

test("a field with another wire type than its own is never a defect of ours", async (t) => {
  const put: Put = (writer, field) => writer.tag(field.number, WireType.Bit64).fixed64(1n);
  const { ask } = await serverWithDocuments(t);
  for (const method of judged) {
    for (const route of routesTo(method.input, isText)) {
      const answer = await ask(method, request(method.input, route, put));
      // The field may be one that needn't be there: to protobuf this one is unknown, and is left out.
      t.true(usualStatus.includes(answer.status ?? -1), `${method.name}: ${namesIn(route)}: ${answer.details}`);
    }
  }
});
