// Documents as they come back, and the stamps that mutations return.

import type { Document as WireDocument, DocumentStamp as WireStamp } from "../../gen/docdb/v1/document.ts";
import type { Timestamp } from "../../gen/google/protobuf/timestamp.ts";

/** A stored document. */
export class Document<T> {
  readonly id: bigint;
  /** The commit that wrote this content. Pass it as `ifVersion` to change only what you have read. */
  readonly version: bigint;
  /** The JSON text, byte for byte as it was sent. */
  readonly json: string;
  readonly #createTime: Timestamp | undefined;
  readonly #updateTime: Timestamp | undefined;
  #value: { readonly parsed: T } | undefined;

  constructor(wire: WireDocument) {
    this.id = wire.id;
    this.version = wire.version;
    this.json = wire.json;
    this.#createTime = wire.createTime;
    this.#updateTime = wire.updateTime;
  }

  get createTime(): Date {
    return dateOf(this.#createTime);
  }

  /** When this content was written. */
  get updateTime(): Date {
    return dateOf(this.#updateTime);
  }

  /**
   * The document itself: `json`, parsed on first use, the same object every time. Numbers become JavaScript numbers, so
   * those beyond 2^53 are rounded: read them from `json`. That it has the shape of `T` is the caller's claim.
   */
  get value(): T {
    this.#value ??= { parsed: JSON.parse(this.json) as T };
    return this.#value.parsed;
  }
}

/** What a mutation did: the document without its content. */
export interface DocumentStamp {
  readonly id: bigint;
  /** The new version of the document; after a deletion, that of the deletion. 0 in a transaction: it has none yet. */
  readonly version: bigint;
  readonly createTime: Date;
  /** When the mutation was made. */
  readonly updateTime: Date;
}

/** Whether there was nothing to delete: then the stamp has no times. */
export function deletedNothing(wire: WireStamp): boolean {
  return wire.version === 0n && wire.updateTime === undefined;
}

export function stampOf(wire: WireStamp): DocumentStamp {
  return {
    id: wire.id,
    version: wire.version,
    createTime: dateOf(wire.createTime),
    updateTime: dateOf(wire.updateTime),
  };
}

/** The time to the millisecond; the epoch when the server sent none. */
export function dateOf(time: Timestamp | undefined): Date {
  if (time === undefined) return new Date(0);
  return new Date(Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000));
}
