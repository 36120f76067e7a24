// Messages with documents in them, written by hand: stored bytes are copied once, into the message that goes to the
// socket, where generated code would gather and join some twenty pieces for each document.
//
// The bytes are those that the generated encoder makes; a property test compares the two.

import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";
import {
  type Document,
  type DocumentStamp,
  type GetDocumentResponse,
  type ListDocumentsResponse,
  type ScanDocumentsResponse,
  UnreadableDocument,
} from "../../gen/wire/docdb/v1/document.ts";
import { lengthFieldBytes, ProtobufWriter, varintFieldBytes } from "../base/protobuf-writer.ts";

/** A GetDocumentResponse. */
export function encodeGetResponse({ document }: GetDocumentResponse): Buffer {
  const writer = new ProtobufWriter(getResponseBytes(document));
  writeGetResponse(writer, document);
  return writer.take();
}

/** A ListDocumentsResponse. */
export function encodeListResponse({ documents, nextPageToken }: ListDocumentsResponse): Buffer {
  const writer = startedWith(documents, nextPageToken.length);
  writer.stringField(2, nextPageToken, nextPageToken.length);
  return writer.take();
}

/** A ScanDocumentsResponse. */
export function encodeScanResponse(response: ScanDocumentsResponse): Buffer {
  const { documents, resumeToken, version, unreadable } = response;
  const writer = startedWith(documents, resumeToken.length);
  writer.stringField(2, resumeToken, resumeToken.length);
  writer.varintField(3, version);
  for (const document of unreadable) writer.bytesField(4, UnreadableDocument.encode(document).finish());
  return writer.take();
}

/** Bytes of a GetDocumentResponse with this document. */
export function getResponseBytes(document: Document | undefined): number {
  return document === undefined ? 0 : lengthFieldBytes(documentBytes(document));
}

export function writeGetResponse(writer: ProtobufWriter, document: Document | undefined): void {
  if (document !== undefined) writeDocument(writer, document, documentBytes(document));
}

/** Bytes of a DocumentStamp, which is what mutations answer. */
export function stampBytes({ id, version, createTime, updateTime }: DocumentStamp): number {
  return varintFieldBytes(id) + varintFieldBytes(version) + timeBytes(createTime) + timeBytes(updateTime);
}

export function writeStamp(writer: ProtobufWriter, { id, version, createTime, updateTime }: DocumentStamp): void {
  writer.varintField(1, id);
  writer.varintField(3, version);
  writeTime(writer, 4, createTime);
  writeTime(writer, 5, updateTime);
}

/** Bytes behind the documents of a list: a token of ASCII, a version, their tags and lengths. */
const afterDocumentsBytes = 32;

/** A message that begins with these documents as field 1, in a writer with room for a token behind them. */
function startedWith(documents: readonly Document[], tokenBytes: number): ProtobufWriter {
  const lengths = documents.map(documentBytes);
  const bytes = lengths.reduce((sum, length) => sum + lengthFieldBytes(length), 0);
  const writer = new ProtobufWriter(bytes + tokenBytes + afterDocumentsBytes);
  documents.forEach((document, i) => writeDocument(writer, document, lengths[i] as number));
  return writer;
}

/** A document of so many bytes as field 1. */
function writeDocument(writer: ProtobufWriter, document: Document, bytes: number): void {
  writer.lengthField(1, bytes);
  writer.varintField(1, document.id);
  writer.bytesField(2, document.json);
  writer.varintField(3, document.version);
  writeTime(writer, 4, document.createTime);
  writeTime(writer, 5, document.updateTime);
}

function documentBytes({ id, json, version, createTime, updateTime }: Document): number {
  const content = json.length === 0 ? 0 : lengthFieldBytes(json.length);
  return varintFieldBytes(id) + content + varintFieldBytes(version) + timeBytes(createTime) + timeBytes(updateTime);
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
