// A document with what is known about it, as one JSON object on one line:
//   {"id":"7","version":"12","createTime":"…","updateTime":"…","document":{…}}
// Ids and versions are texts, because a JSON number can't hold them everywhere. The document is its exact text, but for
// line breaks: in JSON they are white space, and would break the line.

import type { Document } from "../client/index.ts";

/** The whole envelope. */
export function envelope(document: Document<unknown>): string {
  const { id, version, createTime, updateTime } = document;
  const times = `"createTime":"${createTime.toISOString()}","updateTime":"${updateTime.toISOString()}"`;
  return `{"id":"${id}","version":"${version}",${times},"document":${oneLine(document.json)}}`;
}

/** Only what an import needs to restore the document under its id. */
export function importEnvelope(document: Document<unknown>): string {
  return `{"id":"${document.id}","document":${document.json}}`;
}

/** The JSON text without line breaks. Strings can't contain raw ones, so only white space changes. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]/g, " ");
}
