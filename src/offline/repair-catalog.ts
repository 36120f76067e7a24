// A catalog from the files of the databases: names from file names, ids from headers.

import { checkName } from "../base/names.ts";
import { type CatalogEntry, decodeCatalog, encodeCatalog } from "../engine/catalog.ts";
import { readFully, readWholeFile } from "../platform/file-io.ts";
import type { Platform } from "../platform/platform.ts";
import {
  dataHeaderBytes,
  dataRecordHeaderBytes,
  decodeDataHeader,
  decodeDataRecordHeader,
} from "../storage/data-format.ts";
import { refuseUnknownFormat } from "./unknown-format.ts";
import { databaseOf, layoutOf } from "../storage/layout.ts";
import { readSegmentHeader } from "../storage/wal-survey.ts";

/** Ids that are passed over: databases may have been dropped whose ids were greater than all that are there. */
const idJump = 2 ** 20;

export interface CatalogPlan {
  readonly entries: readonly CatalogEntry[];
  /** The new catalog; undefined when the one that is there is sound. */
  readonly content: Uint8Array | undefined;
  readonly steps: readonly string[];
}

/** What the catalog says, or would say once it is rebuilt. */
export async function planCatalog(platform: Platform, directory: string): Promise<CatalogPlan> {
  const { fs, clock } = platform;
  const bytes = await readWholeFile(fs, `${directory}/.catalog`);
  const decoded = bytes === undefined ? "it is missing" : decodeCatalog(bytes);
  if (typeof decoded === "object") return { entries: decoded.entries, content: undefined, steps: [] };
  refuseUnknownFormat(`${directory}/.catalog`, decoded);
  const entries: CatalogEntry[] = [];
  const steps = [`Rebuild the catalog from the files of the databases: ${decoded}.`];
  for (const name of await namesOf(platform, directory)) {
    const found = await identify(platform, directory, name);
    if (typeof found === "string") {
      steps.push(`Leave ${name} out of it: ${found}. Its files stay where they are.`);
    } else if (entries.some((entry) => entry.id === found.id || entry.name.toLowerCase() === name.toLowerCase())) {
      steps.push(`Leave ${name} out of it: another database has its name or its id ${found.id}. Its files stay.`);
    } else {
      const createTimeMs = found.createTimeMs ?? clock.now();
      entries.push({ id: found.id, name, createTimeMs, state: "ready" });
      steps.push(`Enter the database ${name} with its id ${found.id}.`);
    }
  }
  const nextId = Math.max(0, ...entries.map(({ id }) => id)) + idJump;
  return { entries, content: encodeCatalog(entries, nextId), steps };
}

async function namesOf({ fs }: Platform, directory: string): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of ["data", "wal"]) {
    if (!(await fs.exists(`${directory}/${folder}`))) continue;
    for (const file of await fs.readdir(`${directory}/${folder}`)) names.add(databaseOf(file));
  }
  return [...names].sort();
}

/** The database's id by its data file, or why it isn't one. A database needs both files to be whole. */
async function identify(
  { fs }: Platform,
  directory: string,
  name: string,
): Promise<{ id: number; createTimeMs: number | undefined } | string> {
  const layout = layoutOf(directory, name);
  if (!isName(name)) return "its name is none that a database may have";
  if (!(await fs.exists(layout.data))) return "it has no data file";
  const file = await fs.open(layout.data, "read");
  try {
    const size = await file.size();
    const head = await readFully(file, 0, Math.min(size, dataHeaderBytes + dataRecordHeaderBytes));
    const header = decodeDataHeader(head ?? Buffer.alloc(0));
    if (typeof header === "string") refuseUnknownFormat(layout.data, header);
    if (typeof header === "object") {
      const first = decodeDataRecordHeader(head ?? Buffer.alloc(0), dataHeaderBytes, header.salt);
      const createTimeMs = first?.createTimeMs === 0 ? first.updateTimeMs : first?.createTimeMs;
      return { id: header.databaseId, createTimeMs: createTimeMs === 0 ? undefined : createTimeMs };
    }
  } finally {
    await file.close();
  }
  if (!(await fs.exists(layout.activeSegment))) return "its data file has no sound header, and it has no log";
  try {
    return { id: (await readSegmentHeader(fs, layout.activeSegment)).header.databaseId, createTimeMs: undefined };
  } catch {
    return "neither its data file nor its log has a sound header";
  }
}

function isName(name: string): boolean {
  try {
    checkName("database", name);
    return true;
  } catch {
    return false;
  }
}
