// The members of a JSON object as the exact texts of their values, for what JSON.parse would round: an id beyond 2^53,
// or a document inside an envelope.

/**
 * The text of each member's value by the member's name, the last of each name; undefined when the text is JSON but no
 * object. Throws a SyntaxError when it isn't JSON.
 */
export function objectMembers(json: string): Map<string, string> | undefined {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const members = new Map<string, string>();
  // The text is known to be an object, so every step finds what it looks for.
  let at = json.indexOf("{") + 1;
  for (;;) {
    at = skip(json, at);
    if (json[at] !== '"') return members;
    const nameEnd = endOfString(json, at);
    const name = JSON.parse(json.slice(at, nameEnd)) as string;
    const start = skip(json, nameEnd);
    const end = endOfValue(json, start);
    members.set(name, json.slice(start, end));
    at = end;
  }
}

/** Past white space, commas and colons. */
function skip(json: string, from: number): number {
  let at = from;
  while (at < json.length && " \t\r\n,:".includes(json[at] ?? "")) at++;
  return at;
}

/** Just behind the closing quote of the string that opens at `from`. */
function endOfString(json: string, from: number): number {
  let at = from + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function endOfValue(json: string, from: number): number {
  let at = from;
  let depth = 0;
  do {
    const char = json[at];
    if (char === '"') at = endOfString(json, at);
    else if (char === "{" || char === "[") {
      depth++;
      at++;
    } else if (char === "}" || char === "]") {
      depth--;
      at++;
    } else if (depth > 0) at++;
    else return endOfScalar(json, at);
  } while (depth > 0);
  return at;
}

/** Just behind the number or the word at `from`. */
function endOfScalar(json: string, from: number): number {
  let at = from;
  while (/[-+.\w]/.test(json[at] ?? "")) at++;
  return at;
}
