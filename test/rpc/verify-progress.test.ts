import test from "ava";
import type { Finding } from "../../src/engine/commands.ts";
import { VerifyProgress } from "../../src/rpc/verify-progress.ts";
import { finding } from "../../src/storage/verify/finding.ts";

const one: Finding = finding({
  severity: "info",
  file: "data/d.data",
  offset: 1,
  length: 2,
  reason: "DATA_CORRUPT",
  message: "",
});

/** Whether a promise settles by itself soon. */
async function settles(work: Promise<void>): Promise<boolean> {
  let settled = false;
  void work.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("a verification waits for a client that reads slowly, and goes on when it has taken what there was", async (t) => {
  const progress = new VerifyProgress();
  for (let n = 1; n < 1_000; n++) t.true(await settles(progress.found(one)));
  const last = progress.found(one);
  t.false(await settles(last));
  t.is(progress.take(false).findings.length, 1_000);
  t.true(await settles(last));
});

test("a verification doesn't wait for a client that has gone", async (t) => {
  // A client left while the verification waited for it: it held its files and its database open for ever, and the
  // server could not stop.
  const progress = new VerifyProgress();
  for (let n = 1; n < 1_000; n++) await progress.found(one);
  const waiting = progress.found(one);
  progress.close();
  t.true(await settles(waiting));
  for (let n = 1; n <= 2_000; n++) t.true(await settles(progress.found(one)));
});
