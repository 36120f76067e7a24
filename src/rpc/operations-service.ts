// docdb.v1.OperationsService: for whoever runs the server: statistics, metrics, checkpoints, compaction, verification.

import { CompactDatabaseResponse, CompactionPhase } from "../../gen/docdb/v1/operations.ts";
import type { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import type { CompactionProgress } from "../engine/commands.ts";
import type { CallEnvironment } from "./call-context.ts";
import type { Handlers } from "./service.ts";
import { durationOf, endsWithin } from "./times.ts";
import { statsOnWire } from "./statistics.ts";
import { VerifyProgress } from "./verify-progress.ts";

/** Time between two messages of progress. */
const progressMs = 500;

export function operationsService({
  clock,
  statistics,
  metrics,
}: CallEnvironment): Handlers<typeof OperationsServiceService> {
  return {
    // Not a command: it must not wait behind those that it tells about.
    async getStats({ database }) {
      return statsOnWire(statistics(database));
    },

    async getMetrics() {
      return { text: metrics() };
    },

    async checkpointDatabase({ database }, context) {
      const { version, durationMs } = await context.execute({ op: "checkpointDatabase", database });
      return { version: BigInt(version), duration: durationOf(durationMs) };
    },

    async *compactDatabase({ database }, context) {
      let progress: CompactionProgress = { documents: 0, bytes: 0, bytesTotal: 0 };
      const work = context.execute(
        { op: "compactDatabase", database },
        {
          onProgress: (now) => (progress = now),
        },
      );
      while (!(await endsWithin(work, progressMs, clock))) {
        yield progressOnWire(progress, CompactionPhase.COPYING);
      }
      const result = await work;
      const done = progressOnWire(result, CompactionPhase.DONE);
      yield { ...done, bytesReclaimed: BigInt(result.bytesReclaimed) };
    },

    async *verifyDatabase({ database }, context) {
      const progress = new VerifyProgress();
      const work = context.execute({ op: "verifyDatabase", database }, { verification: progress });
      try {
        while (!(await endsWithin(work, progressMs, clock))) yield progress.take(false);
        await work;
        yield progress.take(true);
      } finally {
        progress.close();
      }
    },
  };
}

function progressOnWire(
  { documents, bytes, bytesTotal }: CompactionProgress,
  phase: CompactionPhase,
): CompactDatabaseResponse {
  return {
    phase,
    recordsCopied: BigInt(documents),
    bytesCopied: BigInt(bytes),
    bytesTotal: BigInt(bytesTotal),
    bytesReclaimed: 0n,
  };
}
