// Checking every document of a database, and healing those that are damaged: one walk for the scrubber, which takes its
// time, and for whoever asks for it, who doesn't want to wait.

import { DocDBError } from "../base/errors.ts";
import type { Healer, HealResult } from "./healer.ts";
import { countLive, type LiveDocument, liveDocuments } from "./record-walk.ts";
import type { StoreParts } from "./store-parts.ts";

/** How far a walk has come, and what it found. */
export interface HealProgress {
  readonly checked: number;
  /** Documents there are now. */
  readonly total: number;
  readonly corrupt: number;
  readonly healed: number;
  readonly quarantined: number;
}

/** Who watches a walk and steers it. */
export interface HealWatch {
  /** Asked before each batch of about a mebibyte: resolves when it may be read, rejects to end the walk. */
  readonly before: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly onProgress: (progress: HealProgress) => void;
  /** Whether damage that a read-only database can't heal ends the walk with DATABASE_READ_ONLY. */
  readonly mustHeal: boolean;
}

export async function healAll(
  { background, index }: Pick<StoreParts, "background" | "index">,
  healer: Healer,
  watch: HealWatch,
): Promise<HealProgress> {
  const turn = background.turn();
  let progress: HealProgress = { checked: 0, total: countLive(index), corrupt: 0, healed: 0, quarantined: 0 };
  for await (const batch of liveDocuments(index, turn)) {
    await watch.before(batch);
    const results = await Promise.all(batch.map((doc) => healer.check(doc.collection, doc.idLow, doc.idHigh)));
    for (const result of results) {
      if (result !== undefined) progress = counted(progress, result);
      if (watch.mustHeal && result?.refusal?.code === "DATABASE_READ_ONLY") throw result.refusal;
    }
    watch.onProgress(progress);
    await turn.pause();
  }
  return { ...progress, total: countLive(index) };
}

function counted(progress: HealProgress, { outcome }: HealResult): HealProgress {
  return {
    ...progress,
    checked: progress.checked + 1,
    corrupt: progress.corrupt + Number(outcome !== "intact"),
    healed: progress.healed + Number(outcome === "healed"),
    quarantined: progress.quarantined + Number(outcome === "quarantined"),
  };
}

/** Why a walk ends before its end when the database is closed. */
export function walkStopped(): DocDBError {
  return new DocDBError("SHUTTING_DOWN", "The database is being closed; what was healed stays healed.");
}
