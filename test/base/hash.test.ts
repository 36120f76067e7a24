import test from "ava";
import { hash64 } from "../../src/base/hash.ts";

// Published test vectors of MurmurHash3_x86_32 with seed 0x9747b28c, which is that of the low half.
for (const [text, hash] of [
  ["", 0xebb6_c228],
  ["a", 0x7fa0_9ea6],
  ["aa", 0x5d21_1726],
  ["aaa", 0x283e_0130],
  ["aaaa", 0x5a97_808a],
  ["Hello, world!", 0x2488_4cba],
] as const) {
  test(`the low half of ${JSON.stringify(text)}'s hash is MurmurHash3's`, (t) => {
    t.is(hash64(Buffer.from(text)).low, hash);
  });
}

test("the halves are independent, and no two of 100,000 short texts share a hash", (t) => {
  const seen = new Set<string>();
  let equalHalves = 0;
  for (let i = 0; i < 100_000; i++) {
    const { low, high } = hash64(Buffer.from(`request ${i}`));
    seen.add(`${low}/${high}`);
    if (low === high) equalHalves++;
  }
  t.is(seen.size, 100_000);
  t.is(equalHalves, 0);
});
