// The replies of a PipelineResponse, written one after the other into the message that is being gathered. Documents and
// stamps are written here: stored bytes are copied once, into the message that goes to the socket, where generated code
// would gather and join some twenty pieces for each. Everything else is left to generated code.
//
// The bytes are those that the generated encoder makes; a property test compares the two.

import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import {
  BatchGetDocumentsResponse,
  BatchWriteResponse,
  type Document,
  type DocumentStamp,
  ListDocumentsResponse,
  type PipelineReply,
} from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { lengthFieldBytes, type ProtobufWriter, varintFieldBytes } from "../base/protobuf-writer.ts";

/** What a call returned, under the name of its RPC. */
export type Response = NonNullable<PipelineReply["response"]>;

/** Field numbers of PipelineReply. */
const fields = {
  getDocument: 2,
  createDocument: 3,
  updateDocument: 4,
  deleteDocument: 5,
  patchDocument: 6,
  batchGetDocuments: 7,
  batchWrite: 8,
  listDocuments: 9,
  error: 15,
} as const;

/**
 * Adds a reply to the message. RESPONSE_TOO_LARGE when no client could be expected to take it: then nothing is added.
 */
export function encodeReply(writer: ProtobufWriter, callId: number | bigint, response: Response): void {
  switch (response.$case) {
    case "getDocument":
      encodeGot(writer, callId, response.value.document);
      break;
    case "createDocument":
    case "updateDocument":
    case "deleteDocument":
    case "patchDocument":
      startReply(writer, callId, fields[response.$case], stampBytes(response.value));
      writeStamp(writer, response.value);
      break;
    default: {
      const bytes = encoded(response);
      startReply(writer, callId, fields[response.$case], bytes.length);
      writer.raw(bytes);
    }
  }
}

function encoded(response: Response): Uint8Array {
  switch (response.$case) {
    case "batchGetDocuments":
      return BatchGetDocumentsResponse.encode(response.value).finish();
    case "batchWrite":
      return BatchWriteResponse.encode(response.value).finish();
    case "listDocuments":
      return ListDocumentsResponse.encode(response.value).finish();
    case "error":
      return Status.encode(response.value).finish();
    default:
      throw new TypeError(`A reply to ${response.$case} isn't encoded here.`);
  }
}

function encodeGot(writer: ProtobufWriter, callId: number | bigint, document: Document | undefined): void {
  if (document === undefined) {
    startReply(writer, callId, fields.getDocument, 0);
    return;
  }
  const bytes = documentBytes(document);
  startReply(writer, callId, fields.getDocument, lengthFieldBytes(bytes));
  writer.lengthField(1, bytes);
  writer.varintField(1, document.id);
  writer.bytesField(2, document.json);
  writer.varintField(3, document.version);
  writeTime(writer, 4, document.createTime);
  writeTime(writer, 5, document.updateTime);
}

/** The start of a reply whose response, of so many bytes, is written next. */
function startReply(writer: ProtobufWriter, callId: number | bigint, field: number, responseBytes: number): void {
  if (responseBytes > limits.messageBytes) {
    const limit = `${limits.messageBytes}: ask for less`;
    throw new DocDBError("RESPONSE_TOO_LARGE", `The response has ${responseBytes} bytes, over the limit of ${limit}.`);
  }
  writer.lengthField(1, varintFieldBytes(callId) + lengthFieldBytes(responseBytes));
  writer.varintField(1, callId);
  writer.lengthField(field, responseBytes);
}

function documentBytes({ id, json, version, createTime, updateTime }: Document): number {
  const content = json.length === 0 ? 0 : lengthFieldBytes(json.length);
  return varintFieldBytes(id) + content + varintFieldBytes(version) + timeBytes(createTime) + timeBytes(updateTime);
}

function stampBytes({ id, version, createTime, updateTime }: DocumentStamp): number {
  return varintFieldBytes(id) + varintFieldBytes(version) + timeBytes(createTime) + timeBytes(updateTime);
}

function writeStamp(writer: ProtobufWriter, { id, version, createTime, updateTime }: DocumentStamp): void {
  writer.varintField(1, id);
  writer.varintField(3, version);
  writeTime(writer, 4, createTime);
  writeTime(writer, 5, updateTime);
}

/** Bytes of a time's field. Our times are after 1970, so that both of its numbers are unsigned. */
function timeBytes(time: Timestamp | undefined): number {
  if (time === undefined) return 0;
  return lengthFieldBytes(varintFieldBytes(time.seconds) + varintFieldBytes(time.nanos));
}

function writeTime(writer: ProtobufWriter, field: number, time: Timestamp | undefined): void {
  if (time === undefined) return;
  writer.lengthField(field, varintFieldBytes(time.seconds) + varintFieldBytes(time.nanos));
  writer.varintField(1, time.seconds);
  writer.varintField(2, time.nanos);
}
