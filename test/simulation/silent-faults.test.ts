// A disk that says yes and does something else: see silent-faults-run.ts for what may come of it.

import test from "ava";
import { runSilentFaults } from "./silent-faults-run.ts";

/** How many seeds; the torture runs 50,000. */
const seeds = 300;

test.serial("a disk that lies about where writes, names and bits are never changes a document unnoticed", async (t) => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [name, count] of Object.entries(await runSilentFaults(seed))) totals[name] = (totals[name] ?? 0) + count;
  }
  t.log(JSON.stringify(totals));
  t.true((totals["lies"] ?? 0) > seeds / 2);
});
