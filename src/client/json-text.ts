// Documents on their way out: either a value, which becomes JSON here, or the exact text of one. The server stores
// text, byte for byte, so whoever has numbers that JavaScript can't hold (18446744073709551615, 1.0, 1e400), or whose
// order of members matters, passes the text.

import { DocDBError } from "../base/errors.ts";

/** The exact JSON text of a document. Made by `jsonText`. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/**
 * Marks a text as the JSON of a document, to be stored byte for byte as it is. It may be passed wherever a document is
 * expected: `users.create(jsonText('{"n":18446744073709551615}'))`. The server checks that it is JSON.
 */
export function jsonText(text: string): JsonText {
  return new JsonText(text);
}

/**
 * The JSON text of a document. INVALID_JSON for values that JSON can't express: undefined, functions, circular
 * structures, bigints. INVALID_UTF8 for a text with a lone surrogate, which UTF-8 can't express.
 */
export function textOf(document: unknown): string {
  if (document instanceof JsonText) {
    // The protobuf writer would put U+FFFD in its place, and that is another document.
    if (document.text.isWellFormed()) return document.text;
    throw new DocDBError(
      "INVALID_UTF8",
      "The JSON text has a lone surrogate, which can't be sent. Escape it: \\ud83d.",
    );
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(document);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `The document isn't JSON: ${reason}. Send what JavaScript can't hold with jsonText().`;
    throw new DocDBError("INVALID_JSON", message, { cause: error });
  }
  if (text === undefined) {
    throw new DocDBError("INVALID_JSON", `A document must be a JSON value, and ${typeof document} is none.`);
  }
  return text;
}
