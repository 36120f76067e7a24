// Loaded into the server's process (`node --import`): watches its event loop, and tells over the process's channel how
// late it was since it was asked last.

import { monitorEventLoopDelay } from "node:perf_hooks";

const resolutionMs = 1;
const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
histogram.enable();

const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolutionMs);

process.on("message", () => {
  const [p50, p99, p999] = [50, 99, 99.9].map((percent) => late(histogram.percentile(percent)));
  process.send?.({ p50, p99, p999, max: late(histogram.max) });
  histogram.reset();
});
// Listening must not keep the server alive.
process.channel?.unref();
