// `docdb check` and `docdb repair` against bits that flip anywhere: what isn't as it was had been told. The torture
// does the same many thousand times.

import test from "ava";
import { runRepairTrial } from "./repair-trial.ts";

const trials = 60;

test("two bits flip anywhere: each document is as it was, answers DATA_LOSS, or its loss was told", async (t) => {
  const ends: Record<string, number> = {};
  for (let seed = 1; seed <= trials; seed++) {
    const end = await runRepairTrial(seed);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  t.log(JSON.stringify(ends));
  for (const end of ["as it was", "losses told"]) t.true((ends[end] ?? 0) > 0, end);
});
