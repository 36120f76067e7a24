// docdb.v1.OperationsService: for whoever runs the server. So far it has checkpoints.

import type { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { missingRpc, missingStream } from "./not-implemented.ts";
import type { Handlers } from "./service.ts";
import { durationOf } from "./times.ts";

export const operationsService: Handlers<typeof OperationsServiceService> = {
  getStats: missingRpc("GetStats", "ListDatabases, ListCollections and the health service tell states and sizes."),
  getMetrics: missingRpc("GetMetrics"),

  async checkpointDatabase({ database }, context) {
    const { version, durationMs } = await context.execute({ op: "checkpointDatabase", database });
    return { version: BigInt(version), duration: durationOf(durationMs) };
  },

  compactDatabase: missingStream("CompactDatabase"),
  verifyDatabase: missingStream("VerifyDatabase", "Every read checks the document that it returns."),
};
