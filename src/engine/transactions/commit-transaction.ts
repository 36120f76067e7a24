// The commit of a transaction: validated and given its version in one turn of the event loop, like every write, so that
// nothing comes between the check and the commit.
//
// A transaction that wrote nothing needs no check. All that it read was there at one version, its snapshot's, which is
// its place in the serial order: the commits before it are all in the snapshot, those behind it all are not.

import { DocDBError } from "../../base/errors.ts";
import { sabotaged } from "../../base/sabotage.ts";
import type { Clock } from "../../platform/platform.ts";
import { Turn } from "../../platform/turn.ts";
import type { Mutation } from "../../storage/commit.ts";
import type { OperationTimes } from "../../telemetry/operation-times.ts";
import type { CommittedTransaction, ExecutionContext } from "../commands.ts";
import type { Request } from "../requests/request.ts";
import { requestMutation } from "../requests/request-record.ts";
import type { Transaction } from "./transaction.ts";
import { type NewestState, Validation } from "./validation.ts";

/** What the commit of a transaction needs of the database. */
export interface CommitPath {
  readonly clock: Clock;
  readonly newest: NewestState;
  /** DATABASE_READ_ONLY, MEMORY_LIMIT. */
  checkWritable(): void;
  /** Submits changes; `done` resolves when they are visible. */
  commit(
    mutations: readonly Mutation[],
    times: OperationTimes | undefined,
  ): { readonly version: number; readonly done: Promise<void> };
  /** Waits for everything submitted so far; false when it failed. */
  settled(): Promise<boolean>;
}

export async function commitTransaction(
  transaction: Transaction,
  path: CommitPath,
  request: Request | undefined,
  context?: ExecutionContext,
): Promise<CommittedTransaction> {
  if (transaction.writes.count === 0) return { version: 0, commitTimeMs: 0 };
  const validation = new Validation(transaction.readSet, transaction.view.version, path.newest);
  const skipped = transaction.isolation === "snapshot" && sabotaged("commit-skips-first-committer");
  const turn = new Turn(path.clock);
  for (;;) {
    path.checkWritable();
    try {
      if (!skipped) {
        await validation.prepare(turn);
        if (!validation.holds()) continue;
      }
    } catch (error) {
      if (!(error instanceof DocDBError) || error.code !== "TRANSACTION_CONFLICT") throw error;
      context?.releaseSlot?.();
      // The commit that came first may fail yet: then there is no conflict, and nobody may hear of it.
      if (await path.settled()) throw error;
      validation.reset();
      continue;
    }
    // From the last look at the newest state to here nothing has run in between.
    const commitTimeMs = path.clock.now();
    const mutations = transaction.mutationsAt(commitTimeMs);
    if (mutations.length > 0) {
      if (request !== undefined && !sabotaged("commit-leaves-no-record"))
        mutations.push(requestMutation(request, [], commitTimeMs));
      const { version, done } = path.commit(mutations, context?.times);
      context?.releaseSlot?.();
      await done;
      return { version, commitTimeMs };
    }
    context?.releaseSlot?.();
    if (await path.settled()) return { version: 0, commitTimeMs: 0 };
    validation.reset();
  }
}
