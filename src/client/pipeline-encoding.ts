// The messages of DocumentService.Pipeline from the client's side. The calls that most programs make most are encoded
// and decoded here, documents' texts in one pass each; everything else is left to generated code.
//
// The bytes are those that the generated encoder makes, and what is decoded is what the generated decoder gives; a
// property test compares them.

import {
  type Document,
  DocumentServiceService as Rpcs,
  type DocumentStamp,
  Precondition,
} from "../../gen/docdb/v1/document.ts";
import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { ProtobufReader } from "../base/protobuf-reader.ts";
import {
  bytesTag,
  lengthFieldBytes,
  type ProtobufWriter,
  varintFieldBytes,
  varintTag,
} from "../base/protobuf-writer.ts";

/** A unary RPC, as the generated service definitions describe it. */
export interface Rpc<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** How an RPC travels in a pipeline: its field in PipelineCall and PipelineReply, and what its messages are. */
export interface PipelinedRpc {
  readonly field: number;
  readonly response: "document" | "stamp" | "other";
  readonly plainRequest: boolean;
  readonly rpc: Rpc<never, unknown>;
}

/** The RPCs that travel in a pipeline. */
export const pipelinedRpcs: ReadonlyMap<unknown, PipelinedRpc> = new Map(
  [
    { field: 2, rpc: Rpcs.getDocument, response: "document", plainRequest: true },
    { field: 3, rpc: Rpcs.createDocument, response: "stamp", plainRequest: true },
    { field: 4, rpc: Rpcs.updateDocument, response: "stamp", plainRequest: true },
    { field: 5, rpc: Rpcs.deleteDocument, response: "stamp", plainRequest: true },
    { field: 6, rpc: Rpcs.patchDocument, response: "stamp", plainRequest: false },
    { field: 7, rpc: Rpcs.batchGetDocuments, response: "other", plainRequest: false },
    { field: 8, rpc: Rpcs.batchWrite, response: "other", plainRequest: false },
    { field: 9, rpc: Rpcs.listDocuments, response: "other", plainRequest: false },
  ].map((pipelined) => [pipelined.rpc, pipelined as PipelinedRpc]),
);

const errorField = 15;

/** The fields of the requests that are encoded here: the same number means the same field in all of them. */
interface PlainRequest {
  readonly database: string;
  readonly collection: string;
  readonly id: bigint;
  readonly json?: string;
  readonly precondition?: Precondition | undefined;
  readonly requestId?: string;
  readonly transactionId: string;
  readonly allowMissing?: boolean;
}

/** A request that is ready to be written: it knows how long it is. */
export interface EncodableRequest {
  /** Bytes of the request message. */
  readonly bytes: number;
  write(writer: ProtobufWriter): void;
}

/** Makes a request ready to travel in a pipeline. */
export function encodable(pipelined: PipelinedRpc, request: unknown): EncodableRequest {
  if (pipelined.plainRequest) return new EncodablePlain(request as PlainRequest);
  const bytes = pipelined.rpc.requestSerialize(request as never);
  return { bytes: bytes.length, write: (writer) => writer.raw(bytes) };
}

class EncodablePlain implements EncodableRequest {
  readonly #request: PlainRequest;
  readonly #jsonBytes: number;
  readonly #requestIdBytes: number;
  readonly #transactionIdBytes: number;
  readonly #precondition: Uint8Array | undefined;
  readonly #collectionBytes: number;
  readonly #databaseBytes: number;
  readonly bytes: number;

  constructor(request: PlainRequest) {
    const { database, collection, id, json = "", precondition, requestId = "", transactionId } = request;
    this.#request = request;
    this.#databaseBytes = Buffer.byteLength(database);
    this.#collectionBytes = Buffer.byteLength(collection);
    this.#jsonBytes = json === "" ? 0 : Buffer.byteLength(json);
    this.#requestIdBytes = requestId === "" ? 0 : Buffer.byteLength(requestId);
    this.#transactionIdBytes = transactionId === "" ? 0 : Buffer.byteLength(transactionId);
    this.#precondition = precondition === undefined ? undefined : Precondition.encode(precondition).finish();
    this.bytes =
      textFieldBytes(this.#databaseBytes) +
      textFieldBytes(this.#collectionBytes) +
      varintFieldBytes(id) +
      textFieldBytes(this.#jsonBytes) +
      (this.#precondition === undefined ? 0 : lengthFieldBytes(this.#precondition.length)) +
      textFieldBytes(this.#requestIdBytes) +
      textFieldBytes(this.#transactionIdBytes) +
      (request.allowMissing === true ? 2 : 0);
  }

  write(writer: ProtobufWriter): void {
    const { database, collection, id, json = "", requestId = "", transactionId, allowMissing } = this.#request;
    writer.stringField(1, database, this.#databaseBytes);
    writer.stringField(2, collection, this.#collectionBytes);
    writer.varintField(3, id);
    writer.stringField(4, json, this.#jsonBytes);
    if (this.#precondition !== undefined) {
      writer.lengthField(5, this.#precondition.length);
      writer.raw(this.#precondition);
    }
    writer.stringField(6, requestId, this.#requestIdBytes);
    writer.stringField(7, transactionId, this.#transactionIdBytes);
    if (allowMissing === true) writer.varintField(8, 1);
  }
}

/** Adds a call to the PipelineRequest that is being written. `timeoutMs` 0: no limit; `traceparent` empty: none. */
export function encodeCall(
  writer: ProtobufWriter,
  callId: number,
  field: number,
  request: EncodableRequest,
  timeoutMs: number,
  traceparent = "",
): void {
  const traceBytes = traceparent === "" ? 0 : Buffer.byteLength(traceparent);
  const own = varintFieldBytes(callId) + varintFieldBytes(timeoutMs) + textFieldBytes(traceBytes);
  writer.lengthField(1, own + lengthFieldBytes(request.bytes));
  writer.varintField(1, callId);
  writer.lengthField(field, request.bytes);
  request.write(writer);
  writer.varintField(10, timeoutMs);
  writer.stringField(11, traceparent, traceBytes);
}

/** What came of a call. */
export type Reply = { readonly response: unknown } | { readonly error: Status };

/** Tells `visit` of every reply in a PipelineResponse. `rpcOf` says what a call asked for. */
export function decodeReplies(
  message: Buffer,
  rpcOf: (callId: number) => PipelinedRpc | undefined,
  visit: (callId: number, reply: Reply) => void,
): void {
  const reader = new ProtobufReader(message);
  while (reader.position < reader.end) {
    const tag = reader.number();
    if (tag !== bytesTag(1)) {
      reader.skip(tag);
      continue;
    }
    const end = reader.contentEnd();
    decodeReply(new ProtobufReader(message, reader.position, end), rpcOf, visit);
    reader.position = end;
  }
}

function decodeReply(
  reader: ProtobufReader,
  rpcOf: (callId: number) => PipelinedRpc | undefined,
  visit: (callId: number, reply: Reply) => void,
): void {
  let callId = 0;
  let pipelined: PipelinedRpc | undefined;
  while (reader.position < reader.end) {
    const tag = reader.number();
    if (tag === varintTag(1)) {
      callId = reader.number();
      pipelined = rpcOf(callId);
    } else if (pipelined !== undefined && tag === bytesTag(pipelined.field)) {
      visit(callId, { response: decodeResponse(pipelined, reader) });
    } else if (pipelined !== undefined && tag === bytesTag(errorField)) {
      visit(callId, { error: Status.decode(reader.content()) });
    } else {
      reader.skip(tag);
    }
  }
}

function decodeResponse({ response, rpc }: PipelinedRpc, reader: ProtobufReader): unknown {
  if (response === "other") return rpc.responseDeserialize(reader.content());
  const end = reader.contentEnd();
  const fields = new ProtobufReader(reader.bytes, reader.position, end);
  reader.position = end;
  return response === "stamp" ? decodeDocument(fields) : decodeGot(fields);
}

function decodeGot(reader: ProtobufReader): { document: Document | undefined } {
  let document: Document | undefined;
  while (reader.position < reader.end) {
    const tag = reader.number();
    if (tag !== bytesTag(1)) {
      reader.skip(tag);
      continue;
    }
    const end = reader.contentEnd();
    document = decodeDocument(new ProtobufReader(reader.bytes, reader.position, end));
    reader.position = end;
  }
  return { document };
}

/** A document, or the stamp of one, which has the same fields but for the content. */
function decodeDocument(reader: ProtobufReader): Document & DocumentStamp {
  const document: Document = { id: 0n, json: "", version: 0n, createTime: undefined, updateTime: undefined };
  while (reader.position < reader.end) {
    const tag = reader.number();
    switch (tag) {
      case varintTag(1):
        document.id = reader.bigint();
        break;
      case bytesTag(2):
        document.json = reader.text();
        break;
      case varintTag(3):
        document.version = reader.bigint();
        break;
      case bytesTag(4):
        document.createTime = decodeTime(reader);
        break;
      case bytesTag(5):
        document.updateTime = decodeTime(reader);
        break;
      default:
        reader.skip(tag);
    }
  }
  return document;
}

function decodeTime(reader: ProtobufReader): Timestamp {
  const end = reader.contentEnd();
  const time: Timestamp = { seconds: 0n, nanos: 0 };
  while (reader.position < end) {
    const tag = reader.number();
    if (tag === varintTag(1)) time.seconds = reader.bigint();
    else if (tag === varintTag(2)) time.nanos = reader.number();
    else reader.skip(tag);
  }
  return time;
}

function textFieldBytes(utf8Bytes: number): number {
  return utf8Bytes === 0 ? 0 : lengthFieldBytes(utf8Bytes);
}
