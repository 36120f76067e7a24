// How the server's process ends: gracefully on the first signal, at once on the second, and at once on a defect,
// because after an error that nobody caught nothing that is in memory can be trusted, and a restart recovers from the
// disk.

import { constants } from "node:os";
import type { Observer } from "../telemetry/observer.ts";

/** SIGHUP says that the terminal has gone: Node.js would end at once. */
const endingSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** Resolves with the first of these signals. The second one ends the process with 128 + its number. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let signals = 0;
    for (const signal of endingSignals) {
      process.on(signal, () => {
        if (++signals === 1) resolve(signal);
        else process.exit(128 + constants.signals[signal]);
      });
    }
  });
}

/** Logs an error that nobody caught, and ends the process with 1. */
export function endOnDefects(observer: Observer): void {
  const end = (what: string) => (error: unknown) => {
    observer.event("error", what, { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  };
  process.on("uncaughtException", end("uncaught exception"));
  process.on("unhandledRejection", end("unhandled rejection"));
}
