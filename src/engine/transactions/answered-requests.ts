// The requests with an id that one transaction has answered: whoever repeats one gets the same answer. They live as
// long as the transaction, like the writes that they made. Calls in a transaction run one after the other, so a
// repetition never meets a request that is still under way.

import type { DocumentStamp } from "../commands.ts";
import { checkRepetition, type Fingerprint, type Request } from "../requests/request.ts";

/** Bytes of memory that a request takes, and each of its stamps, roughly. */
const requestBytes = 300;
const stampBytes = 100;

interface Answered {
  readonly fingerprint: Fingerprint;
  readonly stamps: readonly DocumentStamp[];
}

export class AnsweredRequests {
  readonly #answered = new Map<string, Answered>();
  memoryBytes = 0;

  /** Does `work` unless this request was answered before. REQUEST_ID_REUSED. */
  async once(
    request: Request | undefined,
    work: () => Promise<readonly DocumentStamp[]>,
  ): Promise<readonly DocumentStamp[]> {
    if (request === undefined) return await work();
    const { key } = request;
    const known = this.#answered.get(key);
    if (known !== undefined) {
      checkRepetition(request, known.fingerprint);
      return known.stamps;
    }
    const stamps = await work();
    this.#answered.set(key, { fingerprint: request.fingerprint, stamps });
    this.memoryBytes += requestBytes + stamps.length * stampBytes;
    return stamps;
  }
}
