// A minute of fuzzing: one seed after another, each against a server of its own. `npm run torture -- --layer fuzz` does
// the same for as long as one likes.
//
// DOCDB_FUZZ_FIRST names the first seed, DOCDB_FUZZ_SEEDS how many are done; without them the time decides.

import test from "ava";
import type { Tally } from "./fuzz-client.ts";
import { runFuzz } from "./fuzz-run.ts";

const totalMs = 60_000;
/** Clients of one seed stop after this time, so that a minute has several. */
const seedMs = 12_000;

const first = Number(process.env["DOCDB_FUZZ_FIRST"] ?? 1);
const seeds = Number(process.env["DOCDB_FUZZ_SEEDS"] ?? Number.POSITIVE_INFINITY);

test("a minute of hostile clients harms nothing and breaks nothing", async (t) => {
  t.timeout(3 * totalMs);
  const started = performance.now();
  const tally: Tally = {};
  let seed = first;
  for (; seed < first + seeds && performance.now() - started < totalMs - seedMs; seed++) {
    const answers = await runFuzz({ seed, steps: 600, milliseconds: seedMs });
    for (const [name, count] of Object.entries(answers)) tally[name] = (tally[name] ?? 0) + count;
  }
  t.log(`${seed - first} seeds: ${JSON.stringify(tally)}`);
  t.true((tally["OK"] ?? 0) > 100);
});
