// Histograms: every figure is in the bucket of the least bound that isn't below it.

import test from "ava";
import { array, assert, integer, property, uniqueArray } from "fast-check";
import { Histogram } from "../../src/telemetry/histogram.ts";

test("a figure that equals a bound belongs to that bound's bucket, and one above all bounds to the last", (t) => {
  const histogram = new Histogram([1, 2, 4]);
  for (const figure of [0, 1, 1.5, 2, 3, 4, 5, 1_000]) histogram.record(figure);
  t.deepEqual([...histogram.counts], [2, 2, 2, 2]);
  t.is(histogram.count, 8);
  t.is(histogram.sum, 1_016.5);
});

test("whatever the bounds, a bucket has what a plain search would put there", (t) => {
  const sorted = uniqueArray(integer({ min: 0, max: 100 }), { maxLength: 20 });
  assert(
    property(sorted, array(integer({ min: -1, max: 101 })), (unsorted, figures) => {
      const bounds = unsorted.toSorted((a, b) => a - b);
      const histogram = new Histogram(bounds);
      for (const figure of figures) {
        const plain = bounds.findIndex((bound) => figure <= bound);
        t.is(histogram.record(figure), plain === -1 ? bounds.length : plain);
      }
      t.is(histogram.count, figures.length);
    }),
  );
});
