import test from "ava";
import { plant } from "../../src/base/sabotage.ts";
import { Violation } from "./commit-model.ts";
import { runSeed } from "./simulated-run.ts";

const seeds = Number(process.env["DOCDB_SIMULATION_SEEDS"] ?? 2000);
const first = Number(process.env["DOCDB_SIMULATION_FIRST"] ?? 1);

test.serial("what was acknowledged survives, whole and in order, whatever the crash and the fault", async (t) => {
  const total = { crashes: 0, hits: 0, lost: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const { crashes, hits, lost } = await runSeed(seed);
    total.crashes += crashes;
    total.hits += hits;
    total.lost += lost;
  }
  t.log(`${seeds} seeds, ${total.crashes} crashes, ${total.hits} damaged records, ${total.lost} times one was lost`);
  t.true(total.crashes > seeds / 2);
  // A sixth of the seeds damages records.
  t.true(total.hits > seeds / 20);
});

test.serial("the same seed gives the same run, I/O by I/O", async (t) => {
  const [once, again] = [await runSeed(77), await runSeed(77)];
  t.is(once.ioCount, again.ioCount);
  t.deepEqual(once.trace, again.trace);
});

test.serial("an acknowledgement before the fsync is caught", async (t) => {
  const remove = plant("early-acknowledgement");
  try {
    await t.throwsAsync(
      async () => {
        for (let seed = 1; seed <= 200; seed++) await runSeed(seed);
      },
      { instanceOf: Violation },
    );
  } finally {
    remove();
  }
});
