import test from "ava";
import { MetricsChange, MetricsReading } from "../../src/cli/metrics-text.ts";
import { session } from "./run-docdb.ts";

const before = `# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{operation="Get",status="OK"} 10
calls_total{operation="Get",status="NOT_FOUND"} 1
seconds_bucket{name="a \\"b\\" \\\\ c",le="0.1"} 4
seconds_bucket{name="a \\"b\\" \\\\ c",le="1"} 4
seconds_bucket{name="a \\"b\\" \\\\ c",le="+Inf"} 4
up 1
`;
const after = `calls_total{operation="Get",status="OK"} 30
calls_total{operation="Get",status="NOT_FOUND"} 5
calls_total{operation="Scan",status="OK"} 2
seconds_bucket{name="a \\"b\\" \\\\ c",le="0.1"} 6 # {trace_id="abc"} 0.05
seconds_bucket{name="a \\"b\\" \\\\ c",le="1"} 8
seconds_bucket{name="a \\"b\\" \\\\ c",le="+Inf"} 8
up 1
`;

test("rates and quantiles come from the difference of two readings", (t) => {
  const change = new MetricsChange(new MetricsReading(before), new MetricsReading(after), 2);
  t.is(change.rate("calls_total"), 13);
  t.is(change.rate("calls_total", { operation: "Get", status: "OK" }), 10);
  t.is(change.growth("calls_total", { operation: "Scan" }), 2);
  t.deepEqual(change.now.valuesOf("calls_total", "operation"), ["Get", "Scan"]);
  const labels = { name: 'a "b" \\ c' };
  t.is(change.quantile("seconds", 0.5, labels), 0.1);
  t.is(change.quantile("seconds", 1, labels), 1);
  t.is(change.quantile("seconds", 0.5, { name: "nobody" }), undefined);
});

test("a server that was restarted counts from zero: nothing is negative", (t) => {
  const change = new MetricsChange(new MetricsReading(after), new MetricsReading(before), 1);
  t.is(change.rate("calls_total"), 0);
});

test("top shows calls, latencies, commits and sizes by database and operation", async (t) => {
  const { db, run } = await session(t);
  await db.collection().create({ a: 1 }, { id: 1n });
  const stop = new AbortController();
  const load = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      await db.collection().update(1n, { n });
      await db.collection().get(1n);
      await db.collection().get(2n);
    }
  })();
  const { code, stdout } = await run("top", "--interval", "500ms", "--count", "2");
  stop.abort();
  await load;
  t.is(code, 0);
  const picture = stdout.split("\n\n").slice(-4).join("\n\n");
  t.regex(picture, /^commits {2,}[\d,.]+\/s in [\d,.]+ groups\/s/m);
  t.regex(picture, /^app {2,}open {2,}[\d,.]+ {2,}/m);
  t.regex(picture, /^UpdateDocument {2,}[\d,.]+ {2,}0 {2,}[\d.]+ {2,}[\d.]+$/m);
  t.regex(picture, /^GetDocument {2,}/m);
});
