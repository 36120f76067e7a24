// docdb.v1.TransactionService, which this version doesn't have yet.

import type { TransactionServiceService } from "../../gen/docdb/v1/transaction.ts";
import { missingRpc } from "./not-implemented.ts";
import type { Handlers } from "./service.ts";

const instead = "An atomic BatchWrite applies writes all or nothing; preconditions guard what was read.";

export const transactionService: Handlers<typeof TransactionServiceService> = {
  beginTransaction: missingRpc("BeginTransaction", instead),
  commitTransaction: missingRpc("CommitTransaction", instead),
  rollbackTransaction: missingRpc("RollbackTransaction", instead),
};
