// Equality of numbers by their texts.

import test from "ava";
import * as fc from "fast-check";
import { sameNumber } from "../../src/base/json-number.ts";

for (const [a, b, same] of [
  ["1", "1.0", true],
  ["1.10", "11e-1", true],
  ["100", "1E+2", true],
  ["0.001", "1e-3", true],
  ["-0", "0.00e7", true],
  ["1e400", "10e399", true],
  ["1e400", "1e401", false],
  ["1", "-1", false],
  ["10", "1", false],
  ["9007199254740993", "9007199254740992", false],
  ["18446744073709551615", "18446744073709551615.0", true],
  ["0.1", "0.10000000000000000000000000000001", false],
  [`1e${"9".repeat(1000)}`, `1e${"9".repeat(1000)}`, true],
  [`1e${"9".repeat(1000)}`, "1e9", false],
] as const) {
  test(`${a.slice(0, 30)} ${same ? "is" : "isn't"} ${b.slice(0, 40)}`, (t) => {
    t.is(sameNumber(a, b), same);
    t.is(sameNumber(b, a), same);
  });
}

test("a number is equal to itself written in any other way", (t) => {
  const digits = fc.bigInt({ min: 0n, max: 10n ** 30n });
  const ways = fc.tuple(digits, fc.nat(20), fc.nat(20), fc.boolean());
  fc.assert(
    fc.property(ways, ([value, shift, zeros, negative]) => {
      const sign = negative ? "-" : "";
      const shifted = `${sign}${value}${"0".repeat(shift)}.${"0".repeat(zeros)}0`;
      t.true(sameNumber(shifted, `${sign}${value}e${shift}`));
      t.true(
        sameNumber(
          `${sign}${value}e-${shift}`,
          `${sign}0.${"0".repeat(zeros)}${value}e${zeros + String(value).length - shift}`,
        ),
      );
      t.false(sameNumber(shifted, `${sign}${value + 1n}e${shift}`));
    }),
  );
});

test("a number of a million digits is compared in no time", (t) => {
  const long = "7".repeat(1_000_000);
  const startedMs = performance.now();
  t.true(sameNumber(`${long}.0`, long));
  t.true(performance.now() - startedMs < 1000);
});
