// Whether two JSON values are equal, as the `test` of RFC 6902 (section 4.6) has it: numbers by what they are worth,
// strings by their characters, arrays element by element, objects member by member in any order. Of several members
// with the same key the last one counts, as everywhere in a patch.
//
// The recursion goes as deep as the values are alike, so not deeper than the checked one of the two.

import { sameNumber } from "../../base/json-number.ts";
import { bytesOf, elementsOf, kindOf, membersOf, type Span, stringOf, textOf } from "./json-scan.ts";

export function equalJson(a: Span, b: Span): boolean {
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return false;
  // Mostly values that are equal are written alike.
  if (Buffer.compare(bytesOf(a), bytesOf(b)) === 0) return true;
  switch (kind) {
    case "number":
      return sameNumber(textOf(a), textOf(b));
    case "string":
      return stringOf(a) === stringOf(b);
    case "array":
      return equalArrays(a, b);
    case "object":
      return equalObjects(a, b);
    default:
      return true;
  }
}

function equalArrays(a: Span, b: Span): boolean {
  const others = elementsOf(b);
  for (const element of elementsOf(a)) {
    const other = others.next();
    if (other.done === true || !equalJson(element, other.value)) return false;
  }
  return others.next().done === true;
}

function equalObjects(a: Span, b: Span): boolean {
  const [members, others] = [lastMembers(a), lastMembers(b)];
  if (members.size !== others.size) return false;
  for (const [key, value] of members) {
    const other = others.get(key);
    if (other === undefined || !equalJson(value, other)) return false;
  }
  return true;
}

function lastMembers(object: Span): Map<string, Span> {
  return new Map([...membersOf(object)].map(({ key, value }) => [key, value]));
}
