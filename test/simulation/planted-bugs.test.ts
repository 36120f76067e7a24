// The reliability suites find what they are there to find: with a defect planted, some run of theirs fails. A suite
// that lets one pass is worth nothing, however many seeds it runs. The torture hunts all defects; here are the quick
// ones.

import test from "ava";
import { huntDefect, quick } from "./defect-hunt.ts";

for (const defect of quick) {
  test.serial(`a planted defect is caught: ${defect}`, async (t) => {
    t.log(`by run ${await huntDefect(defect)}`);
    t.pass();
  });
}
