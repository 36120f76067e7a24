// From the text of an import's element to the document that is stored, and its id: either the element is the document,
// and the id is one of its members or left to the server; or it is an envelope as `docdb export --with-ids` writes it.

import { isUtf8 } from "node:buffer";
import { limits } from "../base/limits.ts";
import { DocDBError, type JsonText, jsonText } from "../client/index.ts";
import { parseId } from "./address.ts";
import type { Element } from "./json-elements.ts";
import { objectMembers } from "./object-members.ts";

/** Where an import's ids come from. */
export interface IdSource {
  /** Name of a member of each document. */
  readonly idField?: string;
  /** Each element is an envelope with `id` and `document`. */
  readonly withIds?: true;
}

/** A document to be stored. */
export interface ImportItem {
  readonly place: string;
  readonly id: bigint | undefined;
  readonly document: JsonText;
}

/** Reads an element. INVALID_UTF8, DOCUMENT_TOO_LARGE, INVALID_JSON, INVALID_ID. */
export function importItem({ place, bytes }: Element, source: IdSource): ImportItem {
  if (bytes === undefined) {
    const message = `It is longer than ${limits.documentBytes} bytes, the limit of a document.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message);
  }
  // Decoding would put U+FFFD for what isn't UTF-8, and so store another document.
  if (!isUtf8(bytes)) throw new DocDBError("INVALID_UTF8", "It is not UTF-8 text.");
  const text = bytes.toString("utf8");
  if (source.withIds) {
    const members = membersOf(text);
    const document = members.get("document");
    if (document === undefined) throw new DocDBError("INVALID_JSON", "It has no member `document`.");
    return { place, id: idIn(members, "id"), document: jsonText(document) };
  }
  const id = source.idField === undefined ? undefined : idIn(membersOf(text), source.idField);
  return { place, id, document: jsonText(text) };
}

function membersOf(text: string): Map<string, string> {
  let members: Map<string, string> | undefined;
  try {
    members = objectMembers(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DocDBError("INVALID_JSON", `The text is not JSON: ${reason}.`, { cause: error });
  }
  if (members === undefined) throw new DocDBError("INVALID_ID", "It is no JSON object, so it has no id.");
  return members;
}

function idIn(members: Map<string, string>, name: string): bigint {
  const text = members.get(name);
  if (text === undefined) throw new DocDBError("INVALID_ID", `It has no member ${JSON.stringify(name)}.`);
  // An id may be written as a text too: that is how JSON carries integers beyond 2^53 safely.
  return parseId(/^"\d+"$/.test(text) ? text.slice(1, -1) : text.slice(0, 80));
}
