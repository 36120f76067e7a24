// Calls of a pipeline with so many documents that they are decoded, and answered, over several turns of the event loop.

import {
  BatchGetDocumentsRequest,
  BatchGetDocumentsResponse,
  BatchWriteRequest,
  BatchWriteResponse,
} from "../../gen/wire/docdb/v1/document.ts";
import { ProtobufReader } from "../base/protobuf-reader.ts";
import { bytesTag } from "../base/protobuf-writer.ts";
import type { Pieces } from "../platform/turn.ts";
import { decodedInPieces, encodedInPieces, isLongResponse } from "./long-messages.ts";
import { type DecodedCall, decodeCall } from "./pipeline-decoding.ts";
import type { EncodedReply, Response } from "./pipeline-encoding.ts";

const [batchGetTag, batchWriteTag] = [bytesTag(7), bytesTag(8)];

/** What `decodeCall` makes of a call. Throws when the bytes are no call. */
export function* decodeCallPieces(message: Buffer, start: number, end: number): Pieces<DecodedCall> {
  const reader = new ProtobufReader(message, start, end);
  const others: Buffer[] = [];
  let batch: { readonly tag: number; readonly bytes: Buffer } | undefined;
  while (reader.position < end) {
    const at = reader.position;
    const tag = reader.number();
    if ((tag === batchGetTag || tag === batchWriteTag) && batch === undefined) {
      batch = { tag, bytes: reader.content() };
    } else {
      reader.skip(tag);
      others.push(message.subarray(at, reader.position));
    }
  }
  const rest = Buffer.concat(others);
  const call = decodeCall(rest, 0, rest.length);
  // A request that comes twice is merged; nobody sends that.
  if (batch === undefined || call.request !== undefined) return decodeCall(message, start, end);
  return { ...call, request: yield* requestPieces(batch.tag, batch.bytes) };
}

function* requestPieces(tag: number, bytes: Buffer): Pieces<DecodedCall["request"]> {
  if (tag === batchGetTag) {
    const value = yield* decodedInPieces((part) => BatchGetDocumentsRequest.decode(part), bytes);
    return { $case: "batchGetDocuments", value };
  }
  return { $case: "batchWrite", value: yield* decodedInPieces((part) => BatchWriteRequest.decode(part), bytes) };
}

/** A response with a long list. */
export type LongResponse = Extract<Response, { readonly $case: "batchGetDocuments" | "batchWrite" }>;

/** Whether a response takes so long to encode that it should be cut up. */
export function isLongReply(response: Response): response is LongResponse {
  const { $case, value } = response;
  return ($case === "batchGetDocuments" || $case === "batchWrite") && isLongResponse(value);
}

export function* encodeReplyPieces(response: LongResponse): Pieces<EncodedReply> {
  const { $case } = response;
  const bytes =
    $case === "batchGetDocuments"
      ? yield* encodedInPieces((part) => Buffer.from(BatchGetDocumentsResponse.encode(part).finish()), response.value)
      : yield* encodedInPieces((part) => Buffer.from(BatchWriteResponse.encode(part).finish()), response.value);
  return { $case: "encoded", of: $case, bytes };
}
