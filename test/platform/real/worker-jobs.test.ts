// What only a real worker thread can do: die, be short of memory, keep a process alive.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import test from "ava";
import { JobLost } from "../../../src/platform/jobs.ts";
import { WorkerJobs } from "../../../src/platform/real/worker-jobs.ts";
import { dying, echo, hungry } from "../jobs.ts";

const letter = async () => ({ value: { text: "a", bytes: new Uint8Array() }, transfer: [] });
const nothing = async () => ({ value: "", transfer: [] });

test("a job that ends its thread fails, and those behind it run in another one", async (t) => {
  const jobs = new WorkerJobs();
  const [before, lost, after] = await Promise.allSettled([
    jobs.run(echo, letter),
    jobs.run(dying, nothing),
    jobs.run(echo, letter),
  ]);
  t.is(before.status, "fulfilled");
  t.true(lost.status === "rejected" && lost.reason instanceof JobLost, JSON.stringify(lost));
  t.is(after.status, "fulfilled");
  await jobs.rest();
});

test("a job that takes too much memory fails alone", async (t) => {
  const jobs = new WorkerJobs({ heapMebibytes: 32 });
  await t.throwsAsync(jobs.run(hungry, nothing), { instanceOf: JobLost });
  t.is((await jobs.run(echo, letter)).text, "a!");
  await jobs.rest();
});

test("an input that can't be made or sent fails its job alone", async (t) => {
  const jobs = new WorkerJobs();
  await t.throwsAsync(
    jobs.run(echo, () => Promise.reject(new Error("no input"))),
    { message: "no input" },
  );
  await t.throwsAsync(
    jobs.run(dying, async () => ({ value: (() => "") as unknown as string, transfer: [] })),
    { name: "DataCloneError" },
  );
  t.is((await jobs.run(echo, letter)).text, "a!");
  await jobs.rest();
});

test("a thread keeps its process alive while a job runs, and not longer", async (t) => {
  const [platform, job] = ["../../../src/platform/real/worker-jobs.ts", "../jobs.ts"].map(
    (path) => new URL(path, import.meta.url).href,
  );
  const program = `
    const { WorkerJobs } = await import(${JSON.stringify(platform)});
    const { echo } = await import(${JSON.stringify(job)});
    const { text } = await new WorkerJobs().run(echo, async () => ({ value: { text: "a" }, transfer: [] }));
    console.log(text);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  t.is(stdout, "a!\n");
});
