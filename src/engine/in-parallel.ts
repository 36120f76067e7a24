// Many pieces of work, such as the reads of one command: some at a time, each with an outcome of its own.

import { DocDBError } from "../base/errors.ts";
import type { Outcome } from "./commands.ts";

/** Reads under way at the same time for one command. */
const readsAtOnce = 32;

/** Runs `work` for every item, `atOnce` at a time; an operating error becomes the item's outcome. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T, i: number) => Promise<R>,
  atOnce: number = readsAtOnce,
): Promise<Outcome<R>[]> {
  const outcomes: Outcome<R>[] = new Array<Outcome<R>>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++;
      try {
        outcomes[i] = { ok: true, value: await work(items[i] as T, i) };
      } catch (error) {
        if (!(error instanceof DocDBError)) throw error;
        outcomes[i] = { ok: false, error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return outcomes;
}

/** The value of an outcome; throws its error. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}
