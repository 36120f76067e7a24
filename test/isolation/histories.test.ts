// 50 histories of concurrent clients over gRPC against the real server, which is killed twice in every tenth of them.
// Single operations are linearizable; transactions are what their isolation promises.

import test from "ava";
import { runHistory } from "./server-history.ts";

const histories = 50;
const atOnce = 2;

test(`${histories} recorded histories keep what their isolation promises`, async (t) => {
  t.timeout(180_000);
  let next = 1;
  let [transactions, kills] = [0, 0];
  const record = async (): Promise<void> => {
    while (next <= histories) {
      const done = await runHistory(next++);
      transactions += done.transactions;
      kills += done.kills;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, record));
  t.log(`${transactions} transactions, ${kills} kills`);
  t.pass();
});
