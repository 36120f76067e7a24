// What is lost when a log is cut: the commits behind the cut that can still be read, change by change, and the versions
// of those that can't.

import { idOf } from "../base/u64.ts";
import type { Mutation } from "../storage/commit.ts";
import type { DocumentIndex } from "../storage/document-index.ts";
import type { LogContents } from "./log-contents.ts";

/** One thing that is gone. */
export interface Loss {
  readonly database: string;
  /** Name of the collection; empty when unknown. */
  readonly collection: string;
  /** 0 when unknown. */
  readonly id: bigint;
  /** The version that is lost. */
  readonly version: number;
  readonly message: string;
}

/** A document, for use as a key of a map. */
export function documentKey(collection: number, idLow: number, idHigh: number): string {
  return `${collection}/${idHigh}/${idLow}`;
}

/** What commits behind the last one that stays did, as far as they can be read. Their ids stay used. */
export function behindTheCut(log: LogContents, database: string, index: DocumentIndex, lastVersion: number): Loss[] {
  const losses: Loss[] = [];
  let version = lastVersion;
  const gap = (to: number): void => {
    const message = `Commits ${version + 1} to ${to} can't be read: what they did isn't known, and is lost.`;
    losses.push({ database, collection: "", id: 0n, version: version + 1, message });
  };
  const names = new Map<number, string>();
  for (const { header, commits, lastVersion: end } of log.groups) {
    if (end <= version) continue;
    if (header.baseVersion > version) gap(header.baseVersion);
    for (const commit of commits) {
      if (commit.version <= version) continue;
      for (const mutation of commit.mutations) {
        if (mutation.kind !== "request") losses.push(lostChange(mutation, commit.version, index, names, database));
      }
    }
    version = end;
  }
  return losses;
}

function lostChange(
  { kind, collection, idLow, idHigh, content }: Mutation,
  version: number,
  index: DocumentIndex,
  names: Map<number, string>,
  database: string,
): Loss {
  if (kind === "createCollection") names.set(collection, Buffer.from(content).toString("utf8"));
  index.nextCollectionId = Math.max(index.nextCollectionId, collection + 1);
  const known = index.collection(collection);
  const name = known?.name ?? names.get(collection) ?? "";
  if (kind === "createCollection" || kind === "dropCollection") {
    const what = kind === "createCollection" ? "creation" : "drop";
    return { database, collection: name, id: 0n, version, message: `The ${what} of collection ${name} is lost.` };
  }
  known?.noteId(idLow, idHigh);
  const id = idOf(idLow, idHigh);
  const what = kind === "put" ? `Version ${version}` : `The deletion, version ${version},`;
  return { database, collection: name, id, version, message: `${what} of document ${id} is lost.` };
}
