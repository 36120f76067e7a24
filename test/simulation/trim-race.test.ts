// Segments that change between a checkpoint's record and the trimming that it allows. The hunt for planted bugs proves
// that these runs notice when the record is trimmed away.

import test from "ava";
import { runTrimRace } from "./trim-race-run.ts";

test("the segment with the newest checkpoint's record stays, however many have come behind it", async (t) => {
  for (let seed = 1; seed <= 40; seed++) await runTrimRace(seed);
  t.pass();
});
