// A patch as a job that runs elsewhere. A patch that was checked can't be sent (it is made of functions), so it goes as
// it came and is checked there.

import { assert } from "../../base/assert.ts";
import type { Job, Parcel } from "../../platform/jobs.ts";
import type { Pieces } from "../../platform/turn.ts";
import { copyInPieces } from "../../storage/long-bytes.ts";
import type { Patch } from "../commands.ts";
import { applyPatch, compilePatch } from "./patch.ts";
import { patchBytes } from "./patch-cost.ts";

export interface PatchInput {
  readonly patch: Patch;
  /** The text of the document. */
  readonly document: Uint8Array;
}

/** The text of a document after a patch. Throws what `compilePatch` and `applyPatch` throw. */
export const patchedText: Job<PatchInput, Uint8Array> = {
  module: import.meta.url,
  name: "patchedText",
  run: ({ patch, document }) => {
    const text = applyPatch(document, compilePatch(patch));
    // A short one may lie in a buffer with others.
    const value = text.length === text.buffer.byteLength ? text : new Uint8Array(text);
    return { value, transfer: [value.buffer as ArrayBuffer] };
  },
};

/** A job's input in a buffer of its own, to be sent off: what it is copied from lies in buffers that others use. */
export function* parcelPieces({ document, patch }: PatchInput): Pieces<Parcel<PatchInput>> {
  const room = new Room(document.length + patchBytes(patch));
  return room.parcel({ document: yield* room.copy(document), patch: yield* copyOf(patch, room) });
}

function* copyOf(patch: Patch, room: Room): Pieces<Patch> {
  if (patch.form !== "operations") return { form: patch.form, text: yield* room.copy(patch.text) };
  const operations = [];
  for (const operation of patch.operations) operations.push({ ...operation, json: yield* room.copy(operation.json) });
  return { form: "operations", operations };
}

class Room {
  readonly #buffer: ArrayBuffer;
  #used = 0;

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes);
  }

  *copy(bytes: Uint8Array): Pieces<Uint8Array> {
    assert(this.#used + bytes.length <= this.#buffer.byteLength, "the texts of a patch are longer than was said");
    const copy = new Uint8Array(this.#buffer, this.#used, bytes.length);
    this.#used += bytes.length;
    yield* copyInPieces(copy, bytes, 0);
    return copy;
  }

  parcel<T>(value: T): Parcel<T> {
    return { value, transfer: [this.#buffer] };
  }
}
