// How far each layer has come, kept from one start of the torture to the next. A pass that was cut short is finished;
// one that is finished is followed by the next, with numbers that no run has had yet.
//
// node_modules/.cache/docdb/torture/<layer>.json := { "next": first run not yet passed, "end": end of the pass }

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const directory = new URL("../../node_modules/.cache/docdb/torture/", import.meta.url);

/** Runs from `next` to before `end` are to be done. */
export interface Pass {
  readonly next: number;
  readonly end: number;
}

/** The pass that is to be done now, with `size` runs if it is a new one. */
export function passOf(layer: string, size: number): Pass {
  const { next, end } = read(layer);
  return next < end ? { next, end } : { next, end: next + size };
}

export function savePass(layer: string, pass: Pass): void {
  mkdirSync(directory, { recursive: true });
  const file = new URL(`${layer}.json`, directory);
  const temporary = new URL(`${layer}.json.tmp`, directory);
  writeFileSync(temporary, JSON.stringify(pass));
  renameSync(temporary, file);
}

function read(layer: string): Pass {
  try {
    const { next, end } = JSON.parse(readFileSync(new URL(`${layer}.json`, directory), "utf8")) as Pass;
    if (Number.isSafeInteger(next) && Number.isSafeInteger(end) && next >= 1) return { next, end };
  } catch {
    // None yet, or none that makes sense: from the start.
  }
  return { next: 1, end: 1 };
}
