// The commit of a transaction: validated and given its version in one turn of the event loop, like every write, or in
// several in which nobody else may plan one, so that nothing comes between the check and the commit.
//
// A transaction that wrote nothing needs no check. All that it read was there at one version, its snapshot's, which is
// its place in the serial order: the commits before it are all in the snapshot, those behind it all are not.

import { DocDBError } from "../../base/errors.ts";
import { sabotaged } from "../../base/sabotage.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Pieces, Turn } from "../../platform/turn.ts";
import type { CommittedTransaction, ExecutionContext } from "../commands.ts";
import type { Request } from "../requests/request.ts";
import { requestMutation } from "../requests/request-record.ts";
import type { Submitted, Submitter } from "../submitter.ts";
import type { Transaction } from "./transaction.ts";
import { type NewestState, Validation } from "./validation.ts";

/** What the commit of a transaction needs of the database. */
export interface CommitPath {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly newest: NewestState;
  readonly submitter: Submitter;
}

/** What came of an attempt: a commit under way, or nothing to commit. */
interface Attempt {
  readonly submitted: Submitted | undefined;
  readonly commitTimeMs: number;
}

export async function commitTransaction(
  transaction: Transaction,
  { clock, turn, newest, submitter }: CommitPath,
  request: Request | undefined,
  context?: ExecutionContext,
): Promise<CommittedTransaction> {
  if (transaction.writes.count === 0) return { version: 0, commitTimeMs: 0 };
  const validation = new Validation(transaction.readSet, transaction.view.version, newest);
  const skipped = transaction.isolation === "snapshot" && sabotaged("commit-skips-first-committer");
  function* attemptPieces(): Pieces<Attempt | undefined> {
    const { aborts } = submitter;
    if (!skipped && !(yield* validation.lastLook())) return undefined;
    const commitTimeMs = clock.now();
    const mutations = yield* transaction.mutationPieces(commitTimeMs);
    if (mutations.length === 0) return { submitted: undefined, commitTimeMs };
    if (request !== undefined && !sabotaged("commit-leaves-no-record"))
      mutations.push(requestMutation(request, [], commitTimeMs));
    const submitted = yield* submitter.commitPieces(mutations, aborts, context?.times, transaction.writes.contentBytes);
    return submitted === undefined ? undefined : { submitted, commitTimeMs };
  }
  for (;;) {
    submitter.checkWritable();
    const { aborts } = submitter;
    let attempt: Attempt | undefined;
    try {
      if (!skipped) await validation.prepare(turn);
      while (submitter.held !== undefined) {
        context?.releaseSlot?.();
        await submitter.held;
      }
      // From the last look at the newest state to the submission nobody else plans anything.
      const pieces = attemptPieces();
      const started = turn.start(pieces);
      attempt = started === undefined ? await submitter.hold(() => turn.run(pieces)) : started.result;
    } catch (error) {
      if (!(error instanceof DocDBError) || error.code !== "TRANSACTION_CONFLICT") throw error;
      context?.releaseSlot?.();
      // The commit that came first may fail yet: then there is no conflict, and nobody may hear of it.
      if ((await submitter.settled()) && aborts === submitter.aborts) throw error;
      validation.reset();
      continue;
    }
    if (attempt === undefined) continue;
    context?.releaseSlot?.();
    const { submitted, commitTimeMs } = attempt;
    if (submitted !== undefined) {
      await submitted.done;
      return { version: submitted.version, commitTimeMs };
    }
    if (await submitter.settled()) return { version: 0, commitTimeMs: 0 };
    validation.reset();
  }
}
