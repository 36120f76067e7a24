// docdb.v1.HealingService, which this version doesn't have yet. Damage is found all the same: by every read, which then
// answers DATA_LOSS.

import type { HealingServiceService } from "../../gen/docdb/v1/healing.ts";
import { missingRpc, missingStream } from "./not-implemented.ts";
import type { Handlers } from "./service.ts";

const instead = "Every read checks the document; a damaged one answers DATA_LOSS.";

export const healingService: Handlers<typeof HealingServiceService> = {
  healDocument: missingRpc("HealDocument", instead),
  healDatabase: missingStream("HealDatabase", instead),
  getHealingStats: missingRpc("GetHealingStats", instead),
};
