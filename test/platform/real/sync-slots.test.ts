import test from "ava";
import { SyncSlots, threadPoolSize } from "../../../src/platform/real/sync-slots.ts";

test("no more actions run at once than there are slots, and they start in the order of their calls", async (t) => {
  const slots = new SyncSlots(3);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  for (const wave of [0, 20]) {
    const calls = Array.from({ length: 20 }, (_, index) =>
      slots.run(async () => {
        started.push(wave + index);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      }),
    );
    await Promise.all(calls);
  }
  t.is(most, 3);
  t.deepEqual(
    started,
    Array.from({ length: 40 }, (_, index) => index),
  );
});

test("a failed action frees its slot", async (t) => {
  const slots = new SyncSlots(1);
  await t.throwsAsync(
    slots.run(() => Promise.reject(new Error("no"))),
    { message: "no" },
  );
  t.is(await slots.run(() => Promise.resolve("yes")), "yes");
});

test("the size of the thread pool follows libuv's rule", (t) => {
  t.is(threadPoolSize(undefined), 4);
  t.is(threadPoolSize("16"), 16);
  t.is(threadPoolSize("0"), 1);
  t.is(threadPoolSize("many"), 1);
  t.is(threadPoolSize("5000"), 1024);
});
