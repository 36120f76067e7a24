// The calls in a PipelineRequest, decoded one at a time, so that a message with thousands of them costs no long turn of
// the event loop. The four calls that most programs make most are decoded here, in a quarter of the time that generated
// code takes; anything unusual in a call, even an unknown field, leaves it to the generated decoder.
//
// The result is what the generated decoder makes of the same bytes; a property test compares the two.

import {
  type CreateDocumentRequest,
  type DeleteDocumentRequest,
  type GetDocumentRequest,
  PipelineCall,
  Precondition,
  type UpdateDocumentRequest,
} from "../../gen/wire/docdb/v1/document.ts";
import { ProtobufReader, RepeatedText } from "../base/protobuf-reader.ts";
import { bytesTag, varintTag } from "../base/protobuf-writer.ts";

/** A call as it was sent. */
export interface DecodedCall {
  /** The client's number for it; returned as it is. A bigint when it is beyond 2^53. */
  readonly callId: number | bigint;
  readonly request: PipelineCall["request"];
  /** Milliseconds after which it isn't started any more; 0 for no limit. */
  readonly timeoutMs: number;
  /** The trace that it is part of; empty: that of the stream. */
  readonly traceparent: string;
}

/** The fields of all four requests. Each request type names those that it has. */
interface Fields extends GetDocumentRequest, CreateDocumentRequest, UpdateDocumentRequest, DeleteDocumentRequest {}

const callsTag = bytesTag(1);
const callIdTag = varintTag(1);
const timeoutTag = varintTag(10);
const traceparentTag = bytesTag(11);
const [getTag, createTag, updateTag, deleteTag] = [bytesTag(2), bytesTag(3), bytesTag(4), bytesTag(5)];

const noBytes = new Uint8Array(0);
const databases = new RepeatedText();
const collections = new RepeatedText();

/** Where each call of a PipelineRequest starts and ends. RangeError when the bytes are no such message. */
export function callsIn(message: Buffer): Int32Array {
  const reader = new ProtobufReader(message);
  const places: number[] = [];
  while (reader.position < reader.end) {
    const tag = reader.number();
    if (tag !== callsTag) {
      reader.skip(tag);
      continue;
    }
    const end = reader.contentEnd();
    places.push(reader.position, end);
    reader.position = end;
  }
  return Int32Array.from(places);
}

/** Decodes the call that stands there. Throws when the bytes are no call. */
export function decodeCall(message: Buffer, start: number, end: number): DecodedCall {
  return decodePlainCall(new ProtobufReader(message, start, end)) ?? decodeAnyCall(message.subarray(start, end));
}

function decodeAnyCall(bytes: Buffer): DecodedCall {
  const { callId, request, timeoutMs, traceparent } = PipelineCall.decode(bytes);
  return { callId: callId <= Number.MAX_SAFE_INTEGER ? Number(callId) : callId, request, timeoutMs, traceparent };
}

/** The call, if it is one of the four and plain. */
function decodePlainCall(reader: ProtobufReader): DecodedCall | undefined {
  let callId: number | bigint = 0;
  let timeoutMs = 0;
  let traceparent = "";
  let request: PipelineCall["request"];
  while (reader.position < reader.end) {
    const tag = reader.number();
    switch (tag) {
      case callIdTag:
        callId = reader.numberOrBigint();
        continue;
      case timeoutTag:
        timeoutMs = reader.number();
        if (timeoutMs > 0xffff_ffff) return undefined;
        continue;
      case traceparentTag:
        traceparent = reader.text();
        continue;
      case getTag:
      case createTag:
      case updateTag:
      case deleteTag: {
        if (request !== undefined) return undefined;
        request = decodePlainRequest(tag, reader);
        if (request === undefined) return undefined;
        continue;
      }
      default:
        return undefined;
    }
  }
  return { callId, request, timeoutMs, traceparent };
}

function decodePlainRequest(tag: number, message: ProtobufReader): PipelineCall["request"] {
  const end = message.contentEnd();
  const reader = new ProtobufReader(message.bytes, message.position, end);
  message.position = end;
  const fields = decodeFields(reader);
  if (fields === undefined) return undefined;
  const { database, collection, id, json, precondition, requestId, transactionId, allowMissing } = fields;
  switch (tag) {
    case getTag:
      if (json.length > 0 || precondition !== undefined || requestId.length > 0 || allowMissing) return undefined;
      return { $case: "getDocument", value: { database, collection, id, transactionId } };
    case createTag:
      if (allowMissing) return undefined;
      return {
        $case: "createDocument",
        value: { database, collection, id, json, precondition, requestId, transactionId },
      };
    case updateTag:
      return { $case: "updateDocument", value: fields };
    default:
      if (json.length > 0) return undefined;
      return {
        $case: "deleteDocument",
        value: { database, collection, id, precondition, requestId, transactionId, allowMissing },
      };
  }
}

/** The same number means the same field in all requests of DocumentService. */
function decodeFields(reader: ProtobufReader): Fields | undefined {
  const fields: Fields = {
    database: "",
    collection: "",
    id: 0n,
    json: noBytes,
    precondition: undefined,
    requestId: noBytes,
    transactionId: "",
    allowMissing: false,
  };
  while (reader.position < reader.end) {
    switch (reader.number()) {
      case bytesTag(1):
        fields.database = reader.repeatedText(databases);
        continue;
      case bytesTag(2):
        fields.collection = reader.repeatedText(collections);
        continue;
      case varintTag(3):
        fields.id = reader.bigint();
        continue;
      case bytesTag(4):
        fields.json = reader.content();
        continue;
      case bytesTag(5):
        if (fields.precondition !== undefined) return undefined;
        fields.precondition = Precondition.decode(reader.content());
        continue;
      case bytesTag(6):
        fields.requestId = reader.content();
        continue;
      case bytesTag(7):
        fields.transactionId = reader.text();
        continue;
      case varintTag(8):
        fields.allowMissing = reader.number() !== 0;
        continue;
      default:
        return undefined;
    }
  }
  return fields;
}
