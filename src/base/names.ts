// Names of databases and collections. They become parts of file names, so the rule leaves nothing that could leave a
// directory or collide on a file system that ignores case.

import { DocDBError } from "./errors.ts";
import { limits } from "./limits.ts";

const pattern = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Throws INVALID_NAME unless `name` may name a `what` ("database", "collection"). */
export function checkName(what: string, name: string): void {
  if (name.length <= limits.nameBytes && pattern.test(name)) return;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  const rule = `1 to ${limits.nameBytes} letters, digits, '_' and '-', starting with a letter or digit`;
  throw new DocDBError("INVALID_NAME", `${shown} can't name a ${what}: a name has ${rule}.`, { metadata: { what } });
}
