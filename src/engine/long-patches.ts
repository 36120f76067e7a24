// Patches that take too long for a turn of the event loop: they are applied in a worker thread, for whoever plans them.
//
// Invariants
// 1. What a job takes is accounted for from when its turn comes until it is done, and refused where there is no room.
// 2. A patch whose caller has gone is not applied when its turn comes, and not planned when it is done.

import { DocDBError } from "../base/errors.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { JobLost, type Jobs } from "../platform/jobs.ts";
import type { Clock } from "../platform/platform.ts";
import { Turn } from "../platform/turn.ts";
import type { ExecutionContext } from "./commands.ts";
import { parcelPieces, patchedText } from "./patch/patch-job.ts";
import type { CompiledPatch } from "./patch/patch.ts";
import { patchMemoryBytes, patchWork } from "./patch/patch-cost.ts";
import type { PreparedPatch } from "./prepared-operation.ts";

/** A patch that takes too long for a turn, and the text that it is to be applied to. */
export class LongPatch {
  readonly operation: PreparedPatch;
  readonly document: Uint8Array;

  constructor(operation: PreparedPatch, document: Uint8Array) {
    this.operation = operation;
    this.document = document;
  }
}

export class LongPatches {
  readonly #jobs: Jobs;
  readonly #turn: Turn;
  readonly #memory: MemoryAccount;
  readonly #workInTurn: number;

  /** `workInTurn` is in the unit of `patchWork`; what jobs take is charged to `memory`. */
  constructor(jobs: Jobs, clock: Clock, memory: MemoryAccount, workInTurn: number) {
    this.#jobs = jobs;
    this.#turn = new Turn(clock);
    this.#memory = memory;
    this.#workInTurn = workInTurn;
  }

  /** What a patch is that can be applied to this document in a turn; undefined for one that takes too long. */
  inTurn({ patch, compiled }: PreparedPatch, document: Uint8Array): CompiledPatch | undefined {
    if (compiled === undefined || patchWork(document.length, patch, compiled) > this.#workInTurn) return undefined;
    return compiled;
  }

  /**
   * The text of the document after the patch. Throws why there is none; MEMORY_LIMIT; CANCELLED when the caller has
   * gone.
   */
  async apply({ operation: { patch }, document }: LongPatch, context?: ExecutionContext): Promise<Uint8Array> {
    const bytes = patchMemoryBytes(document.length, patch);
    let charged = 0;
    try {
      const text = await this.#jobs.run(patchedText, async () => {
        checkAwaited(context);
        this.#memory.admit(bytes);
        this.#memory.charge((charged = bytes));
        return await this.#turn.run(parcelPieces({ document, patch }));
      });
      checkAwaited(context);
      return text;
    } catch (error) {
      throw error instanceof JobLost && error.isOutOfMemory ? tooLargeToPatch(document) : error;
    } finally {
      this.#memory.charge(-charged);
    }
  }

  /** Waits for what is under way, and gives back the thread. */
  rest(): Promise<void> {
    return this.#jobs.rest();
  }
}

function checkAwaited(context: ExecutionContext | undefined): void {
  if (context?.signal?.aborted !== true && context?.caller?.gone !== true) return;
  throw new DocDBError("CANCELLED", "The call ended while its patch was worked out: nothing happened.");
}

function tooLargeToPatch({ length }: Uint8Array): DocDBError {
  const message =
    `Patching this document of ${length} bytes takes more memory than one patch may have: it consists of too many ` +
    "members. Nothing was changed. Replace it as a whole, or split it up.";
  return new DocDBError("MEMORY_LIMIT", message, { metadata: { bytes: String(length) } });
}
