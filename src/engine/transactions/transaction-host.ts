// What the transactions of a database work with, made of the database's parts.

import type { Clock, Randomness } from "../../platform/platform.ts";
import { Turn } from "../../platform/turn.ts";
import type { Store } from "../../storage/store.ts";
import type { Meters } from "../../telemetry/meters.ts";
import type { Collections } from "../collections.ts";
import type { LongPatches } from "../long-patches.ts";
import type { PendingWrites } from "../pending.ts";
import { requestForCommit } from "../requests/request.ts";
import type { Requests } from "../requests/requests.ts";
import type { Submitter } from "../submitter.ts";
import { commitTransaction } from "./commit-transaction.ts";
import type { RecentChanges } from "./recent-changes.ts";
import { openSnapshotView } from "./snapshot-view.ts";
import type { TransactionHost } from "./transactions.ts";
import type { NewestState } from "./validation.ts";

export interface HostParts {
  readonly store: Store;
  readonly collections: Collections;
  readonly requests: Requests;
  readonly pending: PendingWrites;
  readonly changes: RecentChanges;
  readonly submitter: Submitter;
  readonly longPatches: LongPatches;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly meters: Meters;
}

export function transactionHost(parts: HostParts): TransactionHost {
  const { store, requests, submitter, longPatches, clock, random, meters } = parts;
  const newest = newestState(parts);
  const path = { turn: new Turn(clock), clock, newest, submitter };
  return {
    newest,
    longPatches,
    clock,
    random,
    meters: meters.transactions,
    openView: () => openSnapshotView(store, clock),
    commit: (transaction, requestId, context) => {
      const request = requestId === "" ? undefined : requestForCommit(requestId, transaction.id);
      return commitTransaction(transaction, path, request, context);
    },
    recall: async (transactionId, requestId) => await requests.recall(requestForCommit(requestId, transactionId)),
    // A database that became read-only may have commits whose outcome only its next opening tells.
    recallsAllSince: (timeMs) => store.readOnly === undefined && store.hasAllRequestsSince(timeMs, clock.now()),
  };
}

function newestState({ store, collections, pending, changes }: HostParts): NewestState {
  return {
    changes,
    get visibleVersion() {
      return store.visibleVersion;
    },
    collection: (id) => store.index.collection(id),
    stateOf: (collection, id) => pending.stateOf(collection, id),
    isThere: (collection) => collections.isThere(collection),
    isNameTaken: (name) => store.index.collectionNamed(name) !== undefined || changes.isBeingCreated(name),
  };
}
