import test from "ava";
import { runRequests } from "./request-run.ts";

const seeds = Number(process.env["DOCDB_REQUEST_SEEDS"] ?? 250);
const first = Number(process.env["DOCDB_SIMULATION_FIRST"] ?? 1);

test("a request with an id is applied once, and its repetitions have its answer, whatever the crash", async (t) => {
  const total = { crashes: 0, requests: 0, repetitions: 0, commits: 0, nothings: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const summary = await runRequests(seed);
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += summary[name];
  }
  t.log(`${seeds} seeds: ${JSON.stringify(total)}`);
  t.true(total.crashes > seeds / 2);
  t.true(total.repetitions > 2 * total.crashes);
  t.true(total.commits > seeds / 2 && total.nothings > seeds / 2);
});
