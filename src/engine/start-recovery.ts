// Recovery at a start: databases that were not closed in good order are opened in the background, some at a time, so
// that their first users find them open, and so that what can't be opened is known before somebody needs it. The server
// serves meanwhile; whoever uses a database opens it himself, or joins its recovery if that has begun.
//
// Only as many are opened as may be without another's giving way. The rest waits for its first use.

import { DocDBError } from "../base/errors.ts";
import type { Platform } from "../platform/platform.ts";
import { wasClosedCleanly } from "../storage/clean-close.ts";
import { layoutOf } from "../storage/layout.ts";
import type { Observer } from "../telemetry/observer.ts";
import type { CatalogEntry } from "./catalog.ts";
import { inParallel } from "./in-parallel.ts";

/** Databases that are looked at or recovered at the same time: fewer than may be opened, so that users come through. */
const atOnce = 4;
/** Milliseconds between two lines in the log. */
const reportEveryMs = 1_000;

/** A database that may need recovery. */
export interface Recoverable {
  readonly entry: CatalogEntry;
  open(): Promise<void>;
}

export interface RecoveryHost {
  readonly directory: string;
  readonly platform: Platform;
  readonly observer: Observer;
}

export class StartRecovery {
  readonly #host: RecoveryHost;
  readonly #pool: { readonly hasRoom: boolean };
  #stopped = false;
  /** Databases yet to be recovered. */
  left = 0;

  constructor(host: RecoveryHost, pool: { readonly hasRoom: boolean }) {
    this.#host = host;
    this.#pool = pool;
  }

  /** Begins no other recovery any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Recovers what needs it. Failures are reported, and keep nothing else from being recovered. */
  async run(databases: readonly Recoverable[]): Promise<void> {
    const unclean: Recoverable[] = [];
    const look = async (database: Recoverable): Promise<void> => {
      if (!this.#stopped && !(await this.#wasClosedCleanly(database.entry))) unclean.push(database);
    };
    await inParallel(databases, look, atOnce);
    if (unclean.length === 0 || this.#stopped) return;
    const { clock } = this.#host.platform;
    let [recovered, failed, untried] = [0, 0, 0];
    let reportedMs = clock.monotonicMs();
    this.left = unclean.length;
    this.#tell(`recovering ${unclean.length} databases that were not closed in good order`, {});
    const recoverOne = async (database: Recoverable): Promise<void> => {
      if (this.#stopped || !this.#pool.hasRoom) untried++;
      else if (await this.#recover(database)) recovered++;
      else failed++;
      this.left--;
      if (this.left === 0 || clock.monotonicMs() - reportedMs < reportEveryMs) return;
      reportedMs = clock.monotonicMs();
      this.#tell(`recovered ${recovered} of ${unclean.length} databases so far`, { recovered, failed });
    };
    await inParallel(unclean, recoverOne, atOnce);
    const rest = untried === 0 ? "" : `, ${untried} at their first use`;
    const outcome = `recovered ${recovered} of ${unclean.length} databases, ${failed} failed${rest}`;
    this.#tell(outcome, { recovered, failed, untried });
  }

  /** A file that can't be read is reason enough to try and open the database: then its failure is known. */
  async #wasClosedCleanly({ id, name }: CatalogEntry): Promise<boolean> {
    const { platform, directory } = this.#host;
    return await wasClosedCleanly(platform.fs, layoutOf(directory, name), id).catch(() => false);
  }

  async #recover(database: Recoverable): Promise<boolean> {
    try {
      await database.open();
      return true;
    } catch (error) {
      const where = `recovering database ${database.entry.name}`;
      if (!this.#stopped) this.#host.observer.failure(where, DocDBError.from(error));
      return false;
    }
  }

  #tell(message: string, fields: Readonly<Record<string, number>>): void {
    this.#host.observer.event("info", message, fields);
  }
}
