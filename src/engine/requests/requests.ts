// Requests of one database that are under way, and those that are on record: a repetition has the outcome of the first
// one, and waits for it when it isn't there yet.
//
// Invariants
// 1. From the arrival of a request until it is settled, repetitions find it here; from the moment that its commit is
//    visible, they find its record, which is part of that commit. There is no gap between the two.
// 2. A request that failed leaves nothing behind, because nothing was applied: a repetition is judged anew.
// 3. A request that nobody knows is begun in the turn of the event loop in which it arrives.

import { DocDBError } from "../../base/errors.ts";
import type { Store } from "../../storage/store.ts";
import type { DocumentStamp, ExecutionContext } from "../commands.ts";
import { checkRepetition, type Fingerprint, type Request } from "./request.ts";
import { decodeRequestRecord, type RequestRecord } from "./request-record.ts";

/** Where records are found: the store. */
export type RequestRecords = Pick<Store, "hasRequest" | "readRequest">;

interface Running {
  readonly fingerprint: Fingerprint;
  readonly outcome: Promise<readonly DocumentStamp[]>;
}

export class Requests {
  readonly #records: RequestRecords;
  readonly #running = new Map<string, Running>();

  constructor(records: RequestRecords) {
    this.#records = records;
  }

  /** Does `work` unless the request was done before, or is being done; its outcome in any case. REQUEST_ID_REUSED. */
  async once(
    request: Request,
    context: ExecutionContext | undefined,
    work: () => Promise<readonly DocumentStamp[]>,
  ): Promise<readonly DocumentStamp[]> {
    const { key } = request;
    const running = this.#running.get(key);
    if (running !== undefined) {
      checkRepetition(request, running.fingerprint);
      context?.releaseSlot?.();
      return await running.outcome;
    }
    const outcome = this.#records.hasRequest(request.hash) ? this.#recallOr(request, work) : work();
    this.#running.set(key, { fingerprint: request.fingerprint, outcome });
    try {
      return await outcome;
    } finally {
      this.#running.delete(key);
    }
  }

  /** What is on record of a request, if anything. REQUEST_ID_REUSED; DOCUMENT_CORRUPT when the record is damaged. */
  async recall(request: Request): Promise<RequestRecord | undefined> {
    const record = await this.#records.readRequest(request.hash).catch((error: unknown) => {
      throw error instanceof DocDBError && error.code === "DOCUMENT_CORRUPT" ? recordLost(request, error) : error;
    });
    const known = record === undefined ? undefined : decodeRequestRecord(record, request);
    if (known !== undefined) checkRepetition(request, known.fingerprint);
    return known;
  }

  async #recallOr(request: Request, work: () => Promise<readonly DocumentStamp[]>): Promise<readonly DocumentStamp[]> {
    return (await this.recall(request))?.stamps ?? (await work());
  }
}

function recordLost(request: Request, cause: DocDBError): DocDBError {
  const message =
    `The record of request ${JSON.stringify(request.id)} is damaged. It was applied; what it answered is lost. ` +
    "Read the documents that it wrote.";
  return new DocDBError("DOCUMENT_CORRUPT", message, {
    cause,
    metadata: { request_id: request.id, outcome: "unknown" },
  });
}
