// A page of a collection as a transaction sees it: what its snapshot has, with its own writes in their places.

import type { DocumentRecord, ScanPage } from "../commands.ts";
import { beyond, type PageBounds } from "../page-reader.ts";

/** A write of the transaction: the document, or undefined where it deleted one. */
export interface OwnWrite {
  readonly id: bigint;
  readonly record: DocumentRecord | undefined;
}

/** The last id that a page of the snapshot tells about. */
export function endOf({ next }: ScanPage, reverse: boolean): bigint | undefined {
  return next === undefined ? undefined : beyond(next, !reverse);
}

/**
 * The page with own writes in it: those with ids that the page tells about, in its direction. It ends early when it has
 * more than fits; `next` says where.
 */
export function mergedPage(page: ScanPage, own: readonly OwnWrite[], bounds: PageBounds): ScanPage {
  const { next, failure } = page;
  const all = own.length === 0 ? page.items : merge(page.items, own, bounds.reverse);
  const items: DocumentRecord[] = [];
  let bytes = 0;
  for (const record of all) {
    bytes += record.json.length;
    const isFull = items.length === bounds.documents || (items.length > 0 && bytes > bounds.bytes);
    if (isFull) return { items, next: record.id };
    items.push(record);
  }
  // What the transaction wrote in the place of a document that can't be read is there to be read.
  const failed = failure !== undefined && !own.some(({ id }) => id === failure.id);
  return failed ? { items, next, failure } : { items, next };
}

function merge(base: readonly DocumentRecord[], own: readonly OwnWrite[], reverse: boolean): DocumentRecord[] {
  const replaced = new Set(own.map(({ id }) => id));
  const written = own.flatMap(({ record }) => (record === undefined ? [] : [record]));
  const all = [...base.filter(({ id }) => !replaced.has(id)), ...written];
  return all.sort((a, b) => (a.id < b.id !== reverse ? -1 : 1));
}
