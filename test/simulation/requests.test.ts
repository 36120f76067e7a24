import test from "ava";
import { runRequests } from "./request-run.ts";

const seeds = Number(process.env["DOCDB_REQUEST_SEEDS"] ?? 250);
const first = Number(process.env["DOCDB_SIMULATION_FIRST"] ?? 1);

test("a request with an id is applied once, and its repetitions have its answer, whatever the crash", async (t) => {
  const total = { crashes: 0, requests: 0, repetitions: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const { crashes, requests, repetitions } = await runRequests(seed);
    total.crashes += crashes;
    total.requests += requests;
    total.repetitions += repetitions;
  }
  t.log(`${seeds} seeds, ${total.crashes} crashes, ${total.requests} requests, ${total.repetitions} repetitions`);
  t.true(total.crashes > seeds / 2);
  t.true(total.repetitions > 2 * total.crashes);
});
