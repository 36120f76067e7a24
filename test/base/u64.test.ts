import test from "ava";
import * as fc from "fast-check";
import { AssertionError } from "../../src/base/assert.ts";
import { idHigh, idLow, idOf, readU64, writeU64 } from "../../src/base/u64.ts";

test("safe integers survive a round trip and stand little-endian, as BigInt has them", (t) => {
  const bytes = Buffer.alloc(10);
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1)), (value) => {
      writeU64(bytes, value, 1);
      return readU64(bytes, 1) === value && bytes.readBigUInt64LE(1) === BigInt(value);
    }),
  );
  t.pass();
});

test("what is no safe integer is refused on writing and told on reading", (t) => {
  const bytes = Buffer.alloc(8);
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN])
    t.throws(() => writeU64(bytes, value, 0), { instanceOf: AssertionError });
  bytes.writeBigUInt64LE(2n ** 53n);
  t.is(readU64(bytes, 0), undefined);
  bytes.writeBigUInt64LE(2n ** 53n - 1n);
  t.is(readU64(bytes, 0), Number.MAX_SAFE_INTEGER);
});

test("an id is its two halves", (t) => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (id) => idOf(idLow(id), idHigh(id)) === id));
  t.is(idOf(idLow(2n ** 64n - 1n), idHigh(2n ** 64n - 1n)), 2n ** 64n - 1n);
});
