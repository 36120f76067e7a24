// JSON Merge Patch (RFC 7396): an object that looks like the document, with the members to be changed; null removes
// one. A merge patch that isn't an object replaces the whole document. It can't set a member to null, by its nature.

import { checkJson } from "../../base/json-text.ts";
import type { CompiledPatch } from "./compiled-patch.ts";
import { Container, type Node } from "./container.ts";
import { kindOf, membersOf, type Span, spanOf } from "./json-scan.ts";

/** Checks a merge patch. INVALID_JSON, INVALID_UTF8, JSON_TOO_DEEP, DOCUMENT_TOO_LARGE. */
export function compileMergePatch(text: Uint8Array): CompiledPatch {
  checkJson(text);
  const patch = spanOf(text);
  const step: CompiledPatch["steps"][number] = (tree) => {
    const root = tree.openRoot();
    tree.setRoot(merged(root ?? tree.root, patch));
  };
  return { steps: [step], copies: 0 };
}

/** The target after the patch: the function MergePatch of the RFC's section 2. As deep as the checked patch. */
function merged(target: Node | undefined, patch: Span): Node {
  if (kindOf(patch) !== "object") return patch;
  const object = target instanceof Container && target.isObject ? target : Container.emptyObject();
  for (const { key, value } of membersOf(patch)) {
    if (kindOf(value) === "null") {
      object.removeMember(key);
      continue;
    }
    const place = object.placeOf(key);
    // Only what the patch goes into is opened.
    const isInner = kindOf(value) === "object";
    if (place === -1) object.addMember(key, merged(undefined, value));
    else object.replace(place, merged(isInner ? object.open(place) : undefined, value));
  }
  return object;
}
