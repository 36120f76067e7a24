// Damage at rest, in any file of a database: no wrong document, no document that is silently missing, no defect of the
// engine, and nothing happens to the database beside it.

import test from "ava";
import { runTrial } from "./damage-trial.ts";

/** How many trials; the torture runs 10,000. */
const trials = 300;

test.serial("damage in any file of a database is noticed, and never shows in a document", async (t) => {
  const ends: Record<string, number> = {};
  for (let seed = 1; seed <= trials; seed++) {
    const end = await runTrial(seed);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  t.log(JSON.stringify(ends));
  for (const end of ["unharmed", "damaged documents", "read-only", "refused"]) t.true((ends[end] ?? 0) > 0, end);
});
