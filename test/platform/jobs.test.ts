// The contract of `Jobs`, on the real machine and on the simulated one.

import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import type { Parcel } from "../../src/platform/jobs.ts";
import { echo, failing, refusing } from "./jobs.ts";
import { machines } from "./machines.ts";

const given =
  <T>(value: T, transfer: readonly ArrayBuffer[] = []): (() => Promise<Parcel<T>>) =>
  async () => ({ value, transfer });

for (const [machine, onFreshMachine] of Object.entries(machines)) {
  test(`${machine}: a job gets what it is given, and its answer comes back`, (t) =>
    onFreshMachine(async ({ platform: { jobs } }) => {
      const answers = await Promise.all(
        ["a", "b", "c"].map((text) => jobs.run(echo, given({ text, bytes: Buffer.from(text) }))),
      );
      t.deepEqual(
        answers.map(({ text, bytes }) => [text, Buffer.from(bytes).toString()]),
        [
          ["a!", "a"],
          ["b!", "b"],
          ["c!", "c"],
        ],
      );
      await jobs.rest();
    }));

  test(`${machine}: buffers that are named go over, others are copied`, (t) =>
    onFreshMachine(async ({ platform: { jobs } }) => {
      const [sent, kept] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(2)];
      await jobs.run(echo, given({ text: "", bytes: sent }, [sent.buffer]));
      await jobs.run(echo, given({ text: "", bytes: kept }));
      t.is(sent.length, 0);
      t.is(kept.length, 100);
      await jobs.rest();
    }));

  test(`${machine}: an error of ours arrives as what it is, another one stays unknown`, (t) =>
    onFreshMachine(async ({ platform: { jobs } }) => {
      const error = await t.throwsAsync(jobs.run(refusing, given("x")), { instanceOf: DocDBError });
      t.is(error.code, "TEST_FAILED");
      t.is(error.message, "No x.");
      t.deepEqual(error.metadata, { path: "x" });
      const other = await t.throwsAsync(jobs.run(failing, given("x")));
      t.false(other instanceof DocDBError);
      t.is(other.message, "failed at x");
      await jobs.rest();
    }));

  test(`${machine}: after a rest jobs run as before`, (t) =>
    onFreshMachine(async ({ platform: { jobs } }) => {
      for (let round = 0; round < 2; round++) {
        t.is((await jobs.run(echo, given({ text: "a", bytes: new Uint8Array() }))).text, "a!");
        await jobs.rest();
      }
    }));
}
