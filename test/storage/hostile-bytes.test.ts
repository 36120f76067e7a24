import test from "ava";
import { runDecoders } from "./hostile-bytes.ts";

/** How many rounds; the torture does 100,000. */
const rounds = 1000;

test("no bytes make a decoder throw, run without end, or read by a length that nothing vouches for", async (t) => {
  let inputs = 0;
  for (let seed = 1; seed <= rounds; seed++) inputs += await runDecoders(seed);
  t.log(`${inputs} inputs`);
  t.pass();
});
