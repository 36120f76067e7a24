// docdb.v1.TransactionService: begins transactions and ends them. What happens in between are document calls that name
// the transaction.

import {
  type BeginTransactionRequest,
  Isolation as WireIsolation,
  type TransactionServiceService,
} from "../../gen/wire/docdb/v1/transaction.ts";
import { DocDBError } from "../base/errors.ts";
import type { Isolation } from "../engine/commands.ts";
import { requestIdOf } from "./mutations.ts";
import type { Handlers } from "./service.ts";
import { spanOf, timestampOf } from "./times.ts";

export const transactionService: Handlers<typeof TransactionServiceService> = {
  async beginTransaction({ database, ...request }, context) {
    const isolation = isolationOf(request.isolation);
    const idleTimeoutMs = timeoutOf(request.idleTimeout);
    const begun = await context.execute({ op: "beginTransaction", database, isolation, idleTimeoutMs });
    return { transactionId: begun.transaction, version: BigInt(begun.version) };
  },

  async commitTransaction({ database, transactionId: transaction, ...request }, context) {
    const requestId = requestIdOf(request);
    const command = { op: "commitTransaction", database, transaction, requestId } as const;
    const { version, commitTimeMs } = await context.execute(command);
    return { version: BigInt(version), commitTime: timestampOf(commitTimeMs) };
  },

  async rollbackTransaction({ database, transactionId: transaction }, context) {
    await context.execute({ op: "rollbackTransaction", database, transaction });
    return {};
  },
};

function isolationOf(wire: WireIsolation): Isolation {
  switch (wire) {
    case WireIsolation.UNSPECIFIED:
    case WireIsolation.SERIALIZABLE:
      return "serializable";
    case WireIsolation.SNAPSHOT:
      return "snapshot";
    case WireIsolation.LAST_COMMIT_WINS:
      return "last_commit_wins";
    default: {
      const message = `${String(wire)} is no isolation that this version knows.`;
      throw new DocDBError("INVALID_ENUM", message, { metadata: { field: "isolation", value: String(wire) } });
    }
  }
}

function timeoutOf(wire: BeginTransactionRequest["idleTimeout"]): number | undefined {
  if (wire === undefined) return undefined;
  const timeoutMs = spanOf(wire);
  if (timeoutMs > 0) return timeoutMs;
  throw new DocDBError("INVALID_REQUEST", "`idle_timeout` must be longer than 0. Leave it out for 30 seconds.");
}
