// What the lower layers tell about their work. They call this interface and know nothing of who listens: a log today,
// metrics and traces besides. An observer must not throw and must not block.

import type { DocDBError } from "../base/errors.ts";

/** What an operator may want to know of an event, by name. Never contents of documents. */
export type Facts = Readonly<Record<string, unknown>>;

export interface Observer {
  /** Something an operator may want to know. */
  event(level: "debug" | "info" | "warn" | "error", message: string, facts?: Facts): void;
  /** An operation ended in this error. `where` names the operation or the part. */
  failure(where: string, error: DocDBError, facts?: Facts): void;
}

/** An observer that listens to nothing. */
export const silentObserver: Observer = {
  event: () => undefined,
  failure: () => undefined,
};
