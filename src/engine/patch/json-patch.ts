// JSON Patch (RFC 6902): an array of operations add, remove, replace, move, copy and test.
//
// Two things that the RFC leaves open: an operation that says `op`, `path`, `from` or `value` twice is refused (its
// appendix A.13), and so is the removal of the whole document, which is DeleteDocument's to do.

import { DocDBError } from "../../base/errors.ts";
import { checkJson } from "../../base/json-text.ts";
import { invalidPath, parsePointer, type Path, shortened } from "../../base/json-pointer.ts";
import { limits } from "../../base/limits.ts";
import { checkOperationCount, type CompiledPatch, inOperation, type Step } from "./compiled-patch.ts";
import type { DocumentTree } from "./document-tree.ts";
import { equalJson } from "./json-equality.ts";
import { elementsOf, kindOf, membersOf, type Span, spanOf, stringOf } from "./json-scan.ts";

/** Checks a JSON Patch. INVALID_JSON, INVALID_REQUEST, INVALID_PATH, INVALID_ENUM, TOO_MANY_OPERATIONS and the like. */
export function compileJsonPatch(text: Uint8Array): CompiledPatch {
  checkJson(text);
  const patch = spanOf(text);
  if (kindOf(patch) !== "array") throw badPatch("A JSON Patch is an array of operations.");
  const operations: Span[] = [];
  for (const operation of elementsOf(patch)) {
    operations.push(operation);
    // No more than what shows that there are too many.
    if (operations.length > limits.patchOperations) break;
  }
  checkOperationCount(operations.length);
  let copies = 0;
  const steps = operations.map((operation, i) =>
    inOperation(i, operations.length, () => {
      const fields = fieldsOf(operation);
      const op = textField(fields, "op");
      if (op === "copy") copies++;
      return stepOf(op, fields);
    }),
  );
  return { steps, copies };
}

function stepOf(op: string, fields: Fields): Step {
  const pointer = textField(fields, "path");
  const path = parsePointer(pointer);
  switch (op) {
    case "add": {
      const value = valueField(fields);
      return (tree) => {
        tree.insert(path, value, true);
      };
    }
    case "remove":
      if (path.length === 0) throw invalidPath(pointer, "it names the whole document, which DeleteDocument deletes");
      return (tree) => {
        tree.remove(path);
      };
    case "replace": {
      const value = valueField(fields);
      return (tree) => {
        tree.replace(path, value);
      };
    }
    case "move":
      return moveStep(textField(fields, "from"), path);
    case "copy": {
      const from = parsePointer(textField(fields, "from"));
      return (tree) => {
        tree.insert(path, tree.copyOf(from), true);
      };
    }
    case "test": {
      const value = valueField(fields);
      return (tree) => {
        testValue(tree, path, pointer, value);
      };
    }
    default:
      throw new DocDBError("INVALID_ENUM", `${JSON.stringify(shortened(op))} is no operation of a JSON Patch.`);
  }
}

function moveStep(pointer: string, path: Path): Step {
  const from = parsePointer(pointer);
  if (from.length < path.length && from.every((name, i) => name === path[i])) {
    throw invalidPath(pointer, "a value can't be moved into itself");
  }
  return (tree) => {
    const value = tree.get(from);
    if (from.length === path.length && from.every((name, i) => name === path[i])) return;
    tree.remove(from);
    tree.insert(path, value, true);
  };
}

function testValue(tree: DocumentTree, path: Path, pointer: string, wanted: Span): void {
  if (equalJson(wanted, tree.spanAt(path))) return;
  const shown = shortened(pointer);
  const message = `The document has another value at ${JSON.stringify(shown)} than the patch's test wants.`;
  throw new DocDBError("TEST_FAILED", message, { metadata: { path: shown } });
}

type Fields = ReadonlyMap<string, Span>;

const meaningful: ReadonlySet<string> = new Set(["op", "path", "from", "value"]);

/** The members of an operation that mean something; others are passed over, as the RFC asks. */
function fieldsOf(operation: Span): Fields {
  if (kindOf(operation) !== "object") throw badPatch("An operation of a JSON Patch is an object.");
  const fields = new Map<string, Span>();
  for (const { key, value } of membersOf(operation)) {
    if (!meaningful.has(key)) continue;
    if (fields.has(key)) throw badPatch(`The operation says ${JSON.stringify(key)} twice.`);
    fields.set(key, value);
  }
  return fields;
}

function textField(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value !== undefined && kindOf(value) === "string") return stringOf(value);
  throw badPatch(`The operation needs ${JSON.stringify(name)}, and it must be a string.`);
}

function valueField(fields: Fields): Span {
  const value = fields.get("value");
  if (value === undefined) throw badPatch('The operation needs "value".');
  return value;
}

function badPatch(message: string): DocDBError {
  return new DocDBError("INVALID_REQUEST", message);
}
