// Judges what reading a damaged database gives: each document must be right, or be reported as damaged, or the database
// must say that it can't be trusted.

import { DocDBError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { Violation } from "./commit-model.ts";
import { type Change, names } from "./damage-template.ts";

/** How a trial ended for the damaged database. */
export type TrialEnd = "unharmed" | "damaged documents" | "earlier state" | "read-only" | "refused";

/** What reading a document gave. */
export type Reading =
  | { readonly kind: "found"; readonly content: string; readonly version: number }
  | { readonly kind: "missing" | "damaged" | "refused" };

/** What became of the damaged database, or a `Violation`. */
export function judge(
  engine: Engine,
  history: readonly Change[],
  readings: ReadonlyMap<string, Reading>,
  floor: number,
): TrialEnd {
  const seen = [...readings.values()];
  if (seen.every(({ kind }) => kind === "refused")) return "refused";
  if (seen.some(({ kind }) => kind === "refused")) throw new Violation("some reads were refused, and others not");
  const last = history.at(-1)?.version ?? 0;
  let version = last;
  while (version > 0 && mismatch(history, readings, version) !== undefined) version--;
  const damaged = seen.some(({ kind }) => kind === "damaged");
  if (version === last) return damaged ? "damaged documents" : "unharmed";
  const problem = mismatch(history, readings, last);
  if (version === 0) throw new Violation(`${problem}; nor is it the state after any earlier version`);
  if (stateOf(engine) === "read_only") return "read-only";
  if (version < Math.min(floor, last)) throw new Violation(`${problem}; the state after version ${version} is shown`);
  return "earlier state";
}

/** Where the readings differ from the state after a version; undefined when they don't. */
export function mismatch(
  history: readonly Change[],
  readings: ReadonlyMap<string, Reading>,
  version: number,
): string | undefined {
  const state = stateAfter(history, version);
  for (const [key, reading] of readings) {
    const wanted = state.get(key);
    if (reading.kind === "damaged" && wanted !== undefined) continue;
    if (!same(reading, wanted)) return `${key} is ${shown(reading)}, and must be ${shown(wanted)}`;
  }
  return undefined;
}

function stateAfter(history: readonly Change[], version: number): Map<string, Reading> {
  const state = new Map<string, Reading>();
  for (const change of history) {
    if (change.version > version) break;
    if (change.content === null) state.delete(change.key);
    else state.set(change.key, { kind: "found", content: change.content, version: change.version });
  }
  return state;
}

export function requireAll(readings: ReadonlyMap<string, Reading>, history: readonly Change[]): void {
  const problem = mismatch(history, readings, Infinity);
  if (problem !== undefined) throw new Violation(`the database beside it: ${problem}`);
  for (const [key, { kind }] of readings) if (kind === "damaged") throw new Violation(`beside it: ${key} is damaged`);
}

export async function readAll(
  engine: Engine,
  database: string,
  history: readonly Change[],
): Promise<Map<string, Reading>> {
  const readings = new Map<string, Reading>();
  for (const key of new Set(history.map((change) => change.key))) {
    readings.set(key, await read(engine, database, key));
  }
  return readings;
}

async function read(engine: Engine, database: string, key: string): Promise<Reading> {
  const [collection = "", id = ""] = key.split("/");
  try {
    const { json, version } = await engine.execute({ op: "getDocument", database, collection, id: BigInt(id) });
    return { kind: "found", content: Buffer.from(json).toString(), version };
  } catch (error) {
    if (!(error instanceof DocDBError)) throw error;
    if (error.code === "DOCUMENT_NOT_FOUND") return { kind: "missing" };
    // The whole state may be one from before the collection was created.
    if (error.code === "COLLECTION_NOT_FOUND") return { kind: "missing" };
    if (error.code === "DOCUMENT_CORRUPT") return { kind: "damaged" };
    if (error.code === "DATABASE_CORRUPT") return { kind: "refused" };
    throw error;
  }
}

export function stateOf(engine: Engine): string {
  return engine.databases().find(({ database }) => database === names.damaged)?.state ?? "none";
}

export function isOf(history: readonly Change[], key: string, reading: Reading): boolean {
  return same(stateAfter(history, Infinity).get(key), reading);
}

export function same(a: Reading | undefined, b: Reading | undefined): boolean {
  const [one, other] = [a ?? { kind: "missing" as const }, b ?? { kind: "missing" as const }];
  if (one.kind !== "found" || other.kind !== "found") return one.kind === other.kind;
  return one.content === other.content && one.version === other.version;
}

export function shown(reading: Reading | undefined): string {
  if (reading?.kind !== "found") return reading?.kind ?? "missing";
  return `${reading.content.slice(0, 40)} at version ${reading.version}`;
}
