// A document that is being patched: its text, opened along the paths that the patch names and nowhere else. What no
// path leads to stays a piece of the original text, and comes out of `text()` as it went in.
//
// Paths are followed as RFC 6901 says: through members of objects (of several with the same key the last one counts)
// and elements of arrays. Every method either does what it says or throws before it has changed anything that counts:
// a patch that fails is dropped as a whole.

import { DocDBError } from "../../base/errors.ts";
import { checkJson } from "../../base/json-text.ts";
import { afterLast, arrayIndex, type Path, pointerText, shortened } from "../../base/json-pointer.ts";
import { limits } from "../../base/limits.ts";
import { Container, measure, type Node, writeNode } from "./container.ts";
import { kindOf, type Span, spanOf } from "./json-scan.ts";

/**
 * What an operation wants of a path's places: to find them, to put something in, to make objects missing on the way.
 */
type Purpose = "find" | "put" | "make";

/** A place that the first `levels` names of a path lead to: an item of a container, which may be missing. */
interface Target {
  readonly container: Container;
  readonly name: string;
  readonly path: Path;
  readonly levels: number;
}

/** Bytes that the copies of one patch may have: each may double the document, and the next one copies that. */
const maxCopiedBytes = 4 * limits.documentBytes;

export class DocumentTree {
  readonly #text: Uint8Array;
  /** Of the value in the text: white space around it stays. */
  readonly #span: Span;
  #root: Node;
  #copiedBytes = 0;

  /** `text` is the text of a stored document: it was checked when it was stored. */
  constructor(text: Uint8Array) {
    this.#text = text;
    this.#span = spanOf(text);
    this.#root = this.#span;
  }

  get root(): Node {
    return this.#root;
  }

  /** Replaces the whole document. */
  setRoot(value: Node): void {
    this.#root = value;
  }

  /** The document itself as a container; undefined when it is neither object nor array. */
  openRoot(): Container | undefined {
    if (this.#root instanceof Container) return this.#root;
    const kind = kindOf(this.#root);
    if (kind !== "object" && kind !== "array") return undefined;
    this.#root = new Container(this.#root);
    return this.#root;
  }

  /** The value at a path. PATH_NOT_FOUND. */
  get(path: Path): Node {
    if (path.length === 0) return this.#root;
    const target = this.#target(path, "find");
    return target.container.at(existingPlace(target));
  }

  /** The text of the value at a path; later changes don't reach it. PATH_NOT_FOUND, DOCUMENT_TOO_LARGE. */
  spanAt(path: Path): Span {
    const node = this.get(path);
    if (!(node instanceof Container)) return node;
    const bytes = checkedSize(measure(node));
    const text = Buffer.allocUnsafe(bytes);
    writeNode(node, text, 0);
    return { bytes: text, start: 0, end: bytes };
  }

  /** Like `spanAt`, for a value that goes into the document once more. */
  copyOf(path: Path): Span {
    const span = this.spanAt(path);
    this.#copiedBytes += span.end - span.start;
    if (this.#copiedBytes <= maxCopiedBytes) return span;
    const message = `The patch copies more than ${maxCopiedBytes} bytes inside the document.`;
    throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(this.#copiedBytes) } });
  }

  /**
   * Puts a value at a path, over what is there: a member, an element, or with `-` a new element. With `makeParents`
   * objects that are missing on the way are made. PATH_NOT_FOUND, NOT_AN_OBJECT.
   */
  set(path: Path, value: Node, makeParents: boolean): void {
    if (path.length === 0) this.#root = value;
    else put(this.#target(path, makeParents ? "make" : "put"), value);
  }

  /** Puts a value in place of one that is there. PATH_NOT_FOUND. */
  replace(path: Path, value: Node): void {
    if (path.length === 0) {
      this.#root = value;
      return;
    }
    const target = this.#target(path, "find");
    target.container.replace(existingPlace(target), value);
  }

  /**
   * Puts a value into an array before an element or, with `-` or its length, at the end. With `orMember` it may be an
   * object too, and gets a member, over one of that name. PATH_NOT_FOUND, NOT_AN_OBJECT.
   */
  insert(path: Path, value: Node, orMember: boolean): void {
    if (path.length === 0) {
      this.#root = value;
      return;
    }
    const target = this.#target(path, "put");
    const { container, name } = target;
    if (container.isObject) {
      if (!orMember) throw cannotHold(target, "is an object, and only arrays can be inserted into");
      put(target, value);
      return;
    }
    const place = name === afterLast ? container.size : arrayIndex(name);
    if (place === undefined) throw cannotHold(target, "is an array, whose places are indexes");
    if (place > container.size) throw notFound(path, path.length);
    container.insertElement(place, value);
  }

  /** Removes a member or an element. PATH_NOT_FOUND. */
  remove(path: Path): void {
    const target = this.#target(path, "find");
    const { container, name } = target;
    if (!container.isObject) container.removeElement(existingPlace(target));
    else if (!container.removeMember(name)) throw notFound(path, path.length);
  }

  /** The text of the whole document. DOCUMENT_TOO_LARGE, JSON_TOO_DEEP: it is checked like any document. */
  text(): Uint8Array {
    const { start, end } = this.#span;
    const bytes = checkedSize(start + measure(this.#root) + this.#text.length - end);
    const text = Buffer.allocUnsafe(bytes);
    text.set(this.#text.subarray(0, start), 0);
    const behind = writeNode(this.#root, text, start);
    text.set(this.#text.subarray(end), behind);
    checkJson(text);
    return text;
  }

  /** Opens everything on the way to a path, which isn't empty. */
  #target(path: Path, purpose: Purpose): Target {
    let container = this.openRoot();
    for (let level = 0; ; level++) {
      if (container === undefined) throw purpose === "find" ? notFound(path, level + 1) : notAContainer(path, level);
      const target: Target = { container, name: path[level] as string, path, levels: level + 1 };
      if (level === path.length - 1) return target;
      let place = placeIn(target);
      if (place === -1) {
        const canMake = purpose === "make" && (container.isObject || target.name === afterLast);
        if (!canMake) throw notFound(path, level + 1);
        put(target, Container.emptyObject());
        place = container.isObject ? placeIn(target) : container.size - 1;
      }
      container = container.open(place);
    }
  }
}

/** The size of a text that the patch makes. DOCUMENT_TOO_LARGE: it can't be a document, nor a part of one. */
function checkedSize(bytes: number): number {
  if (bytes <= limits.documentBytes) return bytes;
  const message = `The patch would make ${bytes} bytes of JSON, over the limit of ${limits.documentBytes}.`;
  throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(bytes) } });
}

/** Where the item is that a target names, or -1. */
function placeIn({ container, name }: Target): number {
  if (container.isObject) return container.placeOf(name);
  const index = arrayIndex(name);
  return index === undefined || index >= container.size ? -1 : index;
}

function existingPlace(target: Target): number {
  const place = placeIn(target);
  if (place === -1) throw notFound(target.path, target.levels);
  return place;
}

function put(target: Target, value: Node): void {
  const { container, name, path, levels } = target;
  const place = placeIn(target);
  if (place !== -1) container.replace(place, value);
  else if (container.isObject) container.addMember(name, value);
  else if (name === afterLast) container.insertElement(container.size, value);
  else if (arrayIndex(name) === undefined) throw cannotHold(target, "is an array, whose places are indexes");
  else throw notFound(path, levels);
}

/** The error when there is nothing at the first `levels` names of a path. */
function notFound(path: Path, levels: number): DocDBError {
  const pointer = shortened(pointerText(path, levels));
  const message = `The document has nothing at ${JSON.stringify(pointer)}.`;
  return new DocDBError("PATH_NOT_FOUND", message, { metadata: { path: pointer } });
}

/** The error when something is to be put into a value that has no items. */
function notAContainer(path: Path, level: number): DocDBError {
  const pointer = shortened(pointerText(path, level));
  const message = `What the document has at ${JSON.stringify(pointer)} is neither an object nor an array.`;
  return new DocDBError("NOT_AN_OBJECT", message, { metadata: { path: pointer } });
}

function cannotHold({ name, path, levels }: Target, why: string): DocDBError {
  const parent = JSON.stringify(shortened(pointerText(path, levels - 1)));
  const shown = JSON.stringify(shortened(name));
  const message = `What the document has at ${parent} ${why}: nothing can be put at ${shown}.`;
  return new DocDBError("NOT_AN_OBJECT", message, { metadata: { path: shortened(pointerText(path, levels)) } });
}
