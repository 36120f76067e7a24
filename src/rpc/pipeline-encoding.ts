// The replies of a PipelineResponse, written one after the other into the message that is being gathered. What is asked
// for most is written by hand (see document-encoding.ts), everything else is left to generated code.
//
// The bytes are those that the generated encoder makes; a property test compares the two.

import { Status } from "../../gen/google/rpc/status.ts";
import { BatchGetDocumentsResponse, BatchWriteResponse, type PipelineReply } from "../../gen/wire/docdb/v1/document.ts";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { lengthFieldBytes, type ProtobufWriter, varintFieldBytes } from "../base/protobuf-writer.ts";
import { encodeListResponse, getResponseBytes, stampBytes, writeGetResponse, writeStamp } from "./document-encoding.ts";

/** What a call returned, under the name of its RPC. */
export type Response = NonNullable<PipelineReply["response"]>;

/** A response that is encoded already. */
export interface EncodedReply {
  readonly $case: "encoded";
  /** The RPC whose response it is. */
  readonly of: Response["$case"];
  readonly bytes: Buffer;
}

export type Reply = Response | EncodedReply;

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
export function encodeReply(writer: ProtobufWriter, callId: number | bigint, response: Reply): void {
  switch (response.$case) {
    case "getDocument":
      startReply(writer, callId, fields.getDocument, getResponseBytes(response.value.document));
      writeGetResponse(writer, response.value.document);
      break;
    case "createDocument":
    case "updateDocument":
    case "deleteDocument":
    case "patchDocument":
      startReply(writer, callId, fields[response.$case], stampBytes(response.value));
      writeStamp(writer, response.value);
      break;
    case "encoded":
      startReply(writer, callId, fields[response.of], response.bytes.length);
      writer.raw(response.bytes);
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
      return encodeListResponse(response.value);
    case "error":
      return encodedError(response.value);
    default:
      throw new TypeError(`A reply to ${response.$case} isn't encoded here.`);
  }
}

let lastError: { readonly status: Status; readonly bytes: Uint8Array } | undefined;

/** Under overload thousands of calls are given the same error in a row. */
function encodedError(status: Status): Uint8Array {
  if (lastError?.status !== status) lastError = { status, bytes: Status.encode(status).finish() };
  return lastError.bytes;
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
