// Turns write operations into the mutations of one commit: each is validated against the newest state, pending writes
// and the operations before it in the same commit included. Nothing is written here; a plan that fails is dropped.

import { DocDBError } from "../base/errors.ts";
import { assert } from "../base/assert.ts";
import { limits, maxDocumentId } from "../base/limits.ts";
import { idHigh, idLow } from "../base/u64.ts";
import type { Collection } from "../storage/document-index.ts";
import type { Mutation } from "../storage/commit.ts";
import type { DocumentStamp, Precondition } from "./commands.ts";
import { documentExists, documentNotFound } from "./document-errors.ts";
import { LongPatch, type LongPatches } from "./long-patches.ts";
import { applyPatch } from "./patch/patch.ts";
import type { DocumentState } from "./pending.ts";
import type { PreparedOperation, PreparedPatch } from "./prepared-operation.ts";
import type { StoredContents } from "./stored-contents.ts";

const noBytes = new Uint8Array();

/** What operations are validated against. */
export interface DocumentStates {
  /** The state of a document, or undefined when it never was. */
  stateOf(collection: Collection, id: bigint): DocumentState | undefined;
  /** Whether an id must not be assigned. */
  isUsed(collection: Collection, id: bigint): boolean;
}

/** What a plan is made with, beside the states. */
export interface PlanParts {
  /** The version that the commit will get. */
  readonly version: number;
  readonly nowMs: number;
  /** Contents that patches need and that aren't in memory. */
  readonly contents?: StoredContents | undefined;
  readonly longPatches: LongPatches;
}

export class WritePlan {
  readonly #states: DocumentStates;
  readonly #version: number;
  readonly #nowMs: number;
  readonly #contents: StoredContents | undefined;
  readonly #longPatches: LongPatches;
  readonly #mutations: Mutation[] = [];
  /** Where the mutation of a document stands, so that a later operation on it replaces it. */
  readonly #places = new Map<Collection, Map<bigint, number>>();

  #bytes = 0;

  constructor(states: DocumentStates, { version, nowMs, contents, longPatches }: PlanParts) {
    this.#states = states;
    this.#contents = contents;
    this.#version = version;
    this.#nowMs = nowMs;
    this.#longPatches = longPatches;
  }

  get mutations(): readonly Mutation[] {
    return this.#mutations;
  }

  /** The planned changes, each with its document. */
  *[Symbol.iterator](): Iterator<{ collection: Collection; id: bigint; mutation: Mutation }> {
    for (const [collection, places] of this.#places) {
      for (const [id, place] of places) yield { collection, id, mutation: this.#mutations[place] as Mutation };
    }
  }

  /**
   * Plans one operation, or throws why it can't be. A patch that takes too long for a turn is returned, and has to be
   * added again with `patched`, the text that it leads to.
   */
  add(collection: Collection, operation: PreparedOperation, patched?: Uint8Array): DocumentStamp | LongPatch {
    checkId(operation);
    const id = operation.kind === "create" && operation.id === 0n ? this.#assignId(collection) : operation.id;
    const state = this.#stateOf(collection, id);
    checkExistence(collection, id, operation, state);
    if (operation.precondition !== undefined) checkPrecondition(collection, id, operation.precondition, state);
    if (state?.exists !== true && operation.kind === "delete") {
      return { id, version: 0, createTimeMs: 0, updateTimeMs: 0 };
    }
    const content = patched ?? this.#contentOf(operation, state);
    if (content instanceof LongPatch) return content;
    const createTimeMs = state?.exists === true ? state.createTimeMs : this.#nowMs;
    const updateTimeMs = Math.max(this.#nowMs, createTimeMs);
    this.#place(collection, id, {
      kind: operation.kind === "delete" ? "delete" : "put",
      collection: collection.id,
      idLow: idLow(id),
      idHigh: idHigh(id),
      createTimeMs,
      updateTimeMs,
      content,
    });
    return { id, version: this.#version, createTimeMs, updateTimeMs };
  }

  #contentOf(operation: PreparedOperation, state: DocumentState | undefined): Uint8Array | LongPatch {
    if (operation.kind === "delete") return noBytes;
    return operation.kind === "patch" ? this.#patched(operation, state) : operation.json;
  }

  #patched(operation: PreparedPatch, state: DocumentState | undefined): Uint8Array | LongPatch {
    const { collection, id } = operation;
    const content = state?.content ?? this.#contents?.at(collection, id, state?.version ?? 0);
    assert(content !== undefined, "a patch was planned without the content of its document");
    const patch = this.#longPatches.inTurn(operation, content);
    return patch === undefined ? new LongPatch(operation, content) : applyPatch(content, patch);
  }

  #stateOf(collection: Collection, id: bigint): DocumentState | undefined {
    const place = this.#places.get(collection)?.get(id);
    const mutation = place === undefined ? undefined : this.#mutations[place];
    if (mutation === undefined) return this.#states.stateOf(collection, id);
    const { kind, createTimeMs, content } = mutation;
    return { version: this.#version, exists: kind === "put", createTimeMs, content };
  }

  #place(collection: Collection, id: bigint, mutation: Mutation): void {
    let places = this.#places.get(collection);
    if (places === undefined) this.#places.set(collection, (places = new Map()));
    const place = places.get(id);
    this.#bytes += mutation.content.length - (place === undefined ? 0 : (this.#mutations[place]?.content.length ?? 0));
    if (this.#bytes > limits.commitBytes) {
      const message = `The batch would write more than ${limits.commitBytes} bytes of documents. Split it up.`;
      throw new DocDBError("DOCUMENT_TOO_LARGE", message, { metadata: { bytes: String(this.#bytes) } });
    }
    if (place === undefined) places.set(id, this.#mutations.push(mutation) - 1);
    else this.#mutations[place] = mutation;
  }

  #assignId(collection: Collection): bigint {
    let id = BigInt(collection.nextId);
    while (this.#places.get(collection)?.has(id) === true || this.#states.isUsed(collection, id)) id++;
    if (id >= Number.MAX_SAFE_INTEGER) {
      const message = `Collection ${collection.name} has no id left to assign below 2^53; name the id yourself.`;
      throw new DocDBError("IDS_EXHAUSTED", message);
    }
    collection.noteId(idLow(id), idHigh(id));
    return id;
  }
}

function checkId(operation: PreparedOperation): void {
  const { id } = operation;
  if (id > 0n && id <= maxDocumentId) return;
  if (id === 0n && operation.kind === "create") return;
  throw new DocDBError("INVALID_ID", `${id} is no document id: ids are 1 to 2^64-1.`, { metadata: { id: String(id) } });
}

function checkExistence(collection: Collection, id: bigint, operation: PreparedOperation, state?: DocumentState): void {
  if (operation.kind === "create") {
    if (state?.exists === true) throw documentExists(collection, id, state);
  } else if (state?.exists !== true && (operation.kind === "patch" || !operation.allowMissing)) {
    throw documentNotFound(collection.name, id);
  }
}

function checkPrecondition(
  collection: Collection,
  id: bigint,
  precondition: Precondition,
  state?: DocumentState,
): void {
  const exists = state?.exists === true;
  const holds =
    "exists" in precondition ? exists === precondition.exists : exists && state.version === precondition.version;
  if (holds) return;
  const wanted =
    "version" in precondition ? `at version ${precondition.version}` : precondition.exists ? "there" : "absent";
  const actual = exists ? `is at version ${state.version}` : "does not exist";
  throw new DocDBError(
    "VERSION_MISMATCH",
    `Document ${id} of collection ${collection.name} ${actual}; the precondition wants it ${wanted}. Read it again.`,
    { metadata: { collection: collection.name, id: String(id), version: exists ? String(state.version) : "0" } },
  );
}
