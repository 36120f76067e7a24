// A page of a collection as a transaction sees it: what its snapshot has, with its own writes in their places.

import type { DocumentRecord, ScanPage } from "../commands.ts";
import { beyond, firstId, type PageBounds } from "../page-reader.ts";

/** A write of the transaction: the document, or undefined where it deleted one. */
export interface OwnWrite {
  readonly id: bigint;
  readonly record: DocumentRecord | undefined;
}

/** The last id that a page of the snapshot tells about. */
export function endOf({ next }: ScanPage, reverse: boolean): bigint {
  return (next === undefined ? undefined : beyond(next, !reverse)) ?? firstId(!reverse);
}

/** The page as far as an id, as if it had ended behind that. */
export function pageUntil({ items }: ScanPage, last: bigint, reverse: boolean): ScanPage {
  const isIn = ({ id }: DocumentRecord): boolean => (reverse ? id >= last : id <= last);
  return { items: items.filter(isIn), next: beyond(last, reverse) };
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

/** Both are in the page's direction, and so is what comes of it. */
function merge(base: readonly DocumentRecord[], own: readonly OwnWrite[], reverse: boolean): DocumentRecord[] {
  const merged: DocumentRecord[] = [];
  let next = 0;
  for (const { id, record } of own) {
    for (; next < base.length; next++) {
      const found = base[next] as DocumentRecord;
      if (reverse ? found.id <= id : found.id >= id) break;
      merged.push(found);
    }
    if (base[next]?.id === id) next++;
    if (record !== undefined) merged.push(record);
  }
  for (; next < base.length; next++) merged.push(base[next] as DocumentRecord);
  return merged;
}
