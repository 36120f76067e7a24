// docdb.v1.HealingService: damaged documents are looked for and healed on demand, and what was found is told.

import {
  HealOutcome,
  type HealDatabaseResponse,
  type HealingServiceService,
  HealSource,
  type HealingStats as WireStats,
} from "../../gen/docdb/v1/healing.ts";
import type { HealedDocument, HealingStats, HealProgress } from "../engine/commands.ts";
import type { CallEnvironment } from "./call-context.ts";
import { checkId } from "./mutations.ts";
import type { Handlers } from "./service.ts";
import { durationOf, endsWithin, timestampOf } from "./times.ts";

/** Time between two messages of progress: the protocol promises one a second. */
const progressMs = 500;

const outcomes: Readonly<Record<HealedDocument["outcome"], HealOutcome>> = {
  intact: HealOutcome.INTACT,
  healed: HealOutcome.HEALED,
  quarantined: HealOutcome.QUARANTINED,
};

const sources: Readonly<Record<NonNullable<HealedDocument["source"]>, HealSource>> = {
  memory: HealSource.MEMORY,
  wal: HealSource.WAL,
  backup: HealSource.BACKUP,
};

export function healingService({ clock }: CallEnvironment): Handlers<typeof HealingServiceService> {
  return {
    async healDocument({ database, collection, id }, context) {
      checkId(id);
      const healed = await context.execute({ op: "healDocument", database, collection, id });
      const source = healed.source === undefined ? HealSource.UNSPECIFIED : sources[healed.source];
      return { outcome: outcomes[healed.outcome], version: BigInt(healed.version), source };
    },

    async *healDatabase({ database }, context) {
      let progress: HealProgress | undefined;
      const work = context.execute({ op: "healDatabase", database }, { onHealProgress: (now) => (progress = now) });
      while (!(await endsWithin(work, progressMs, clock))) {
        yield progressOnWire(progress ?? { checked: 0, total: 0, corrupt: 0, healed: 0, quarantined: 0 }, false);
      }
      yield progressOnWire(await work, true);
    },

    async getHealingStats({ database }, context) {
      const { databases } = await context.execute({ op: "getHealingStats", database });
      return { databases: databases.map(statsOnWire) };
    },
  };
}

function progressOnWire(progress: HealProgress, done: boolean): HealDatabaseResponse {
  return {
    documentsChecked: BigInt(progress.checked),
    documentsTotal: BigInt(progress.total),
    documentsCorrupt: BigInt(progress.corrupt),
    documentsHealed: BigInt(progress.healed),
    documentsQuarantined: BigInt(progress.quarantined),
    done,
  };
}

function statsOnWire(stats: HealingStats): WireStats {
  const { lastScrubTimeMs, lastScrubDurationMs } = stats;
  return {
    database: stats.database,
    scrubsCompleted: BigInt(stats.scrubsCompleted),
    lastScrubTime: timestampOf(lastScrubTimeMs),
    lastScrubDuration: lastScrubTimeMs === 0 ? undefined : durationOf(lastScrubDurationMs),
    documentsChecked: BigInt(stats.checked),
    documentsCorrupt: BigInt(stats.corrupt),
    documentsHealedFromWal: BigInt(stats.healed.wal),
    documentsHealedFromMemory: BigInt(stats.healed.memory),
    documentsHealedFromBackup: BigInt(stats.healed.backup),
    documentsQuarantined: BigInt(stats.quarantined),
    lastCorruptionTime: timestampOf(stats.lastCorruptionTimeMs),
  };
}
