// Any sequence of commands does to the engine what it does to a Map.

import test from "ava";
import { runModel } from "./model-run.ts";

/** How many sequences; the torture runs 100,000. */
const runs = 1000;

test("an engine answers every sequence of commands as a Map does, restarts and crashes included", async (t) => {
  await runModel(1, runs);
  t.pass();
});
