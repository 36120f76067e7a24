// What the server's process tells about itself: memory, and how late the event loop is.

import { resolve } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ProcessFigures } from "../rpc/server-figures.ts";
import { version } from "./version.ts";

/** The loop's delay is sampled this often; the samples include it. */
const sampleMs = 10;
/** Two of these are looked back on. */
const periodMs = 30_000;

export class ProcessStatistics {
  readonly #startTimeMs = Date.now();
  readonly #dataDirectory: string;
  readonly #delay = monitorEventLoopDelay({ resolution: sampleMs });
  readonly #timer: NodeJS.Timeout;
  #earlierP99Ms = 0;

  constructor(dataDirectory: string) {
    this.#dataDirectory = resolve(dataDirectory);
    this.#delay.enable();
    this.#timer = setInterval(() => {
      this.#earlierP99Ms = this.#p99Ms;
      this.#delay.reset();
    }, periodMs).unref();
  }

  /** The figures now. */
  figures(connections: number): ProcessFigures {
    return {
      version,
      startTimeMs: this.#startTimeMs,
      processId: process.pid,
      nodeVersion: process.versions.node,
      connections,
      residentBytes: process.memoryUsage.rss(),
      eventLoopDelayP99Ms: Math.max(this.#p99Ms, this.#earlierP99Ms),
      dataDirectory: this.#dataDirectory,
    };
  }

  /** Stops sampling. */
  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  get #p99Ms(): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, this.#delay.percentile(99) / 1_000_000 - sampleMs);
  }
}
