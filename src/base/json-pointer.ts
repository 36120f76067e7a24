// JSON Pointers (RFC 6901): "/a/0/b~1c" names the places a, 0 and b/c, one inside the other; "" names the whole
// document.

import { DocDBError } from "./errors.ts";
import { limits } from "./limits.ts";

/** The names on a pointer's way, from the outermost; none for the whole document. */
export type Path = readonly string[];

/** The place after an array's last element. */
export const afterLast = "-";

/** The path that a pointer's text names. INVALID_PATH when it is no pointer, or goes deeper than `limits.jsonDepth`. */
export function parsePointer(text: string): Path {
  if (text === "") return [];
  if (!text.startsWith("/")) throw invalidPath(text, `it doesn't start with "/"`);
  // Counted first: a text of slashes alone must not become millions of strings.
  if (levelsOf(text) > limits.jsonDepth) throw invalidPath(text, `it goes deeper than ${limits.jsonDepth} levels`);
  if (/~(?![01])/.test(text)) throw invalidPath(text, `"~" must be followed by 0 (which means "~") or 1 ("/")`);
  return text
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The text of a path, or of its first `levels` names. */
export function pointerText(path: Path, levels: number = path.length): string {
  return path
    .slice(0, levels)
    .map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** The array index that a name on a path means: digits without leading zeros. Undefined when it is something else. */
export function arrayIndex(name: string): number | undefined {
  return /^(0|[1-9][0-9]{0,15})$/.test(name) ? Number(name) : undefined;
}

/** A text as messages and metadata show it: what a client sends may be megabytes. */
export function shortened(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100).toWellFormed()}…`;
}

/** The error for a path that can't be one, whatever the document is. */
export function invalidPath(text: string, reason: string): DocDBError {
  const path = shortened(text);
  return new DocDBError("INVALID_PATH", `${JSON.stringify(path)} is no path that can be used here: ${reason}.`, {
    metadata: { path },
  });
}

function levelsOf(text: string): number {
  let levels = 0;
  for (let at = text.indexOf("/"); at !== -1 && levels <= limits.jsonDepth; at = text.indexOf("/", at + 1)) levels++;
  return levels;
}
