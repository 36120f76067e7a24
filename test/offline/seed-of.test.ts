// Running CRC-32 backwards: the seed that bytes and their checksum lead to.

import * as fc from "fast-check";
import test from "ava";
import { checksum } from "../../src/base/checksum.ts";
import { seedOf } from "../../src/offline/seed-of.ts";

test("the seed of a checksum is found again, whatever the bytes and the seed are", (t) => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), u32, (bytes, seed) => {
      return seedOf(bytes, checksum(bytes, seed)) === seed;
    }),
  );
  t.pass();
});
