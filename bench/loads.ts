// Load on a server from a process of its own, and the parent's side of it: many connections that ask as fast as they
// are answered, or as often as they are told to, whatever the answers.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { join } from "node:path";

export interface Load {
  readonly socket: string;
  /** Connections take them in turn. */
  readonly databases: readonly string[];
  readonly connections: number;
  /** Whether calls travel in pipelines. */
  readonly pipeline: boolean;
  readonly workload: "get" | "create" | "patch";
  /** Ids from 1 that reads and patches ask for. */
  readonly documents: number;
  /** Calls that each connection keeps in flight; with `perSecond`, that it has in flight at most. */
  readonly inFlight: number;
  /** Calls a second of each connection, however long the answers take; undefined: the next one after each answer. */
  readonly perSecond?: number | undefined;
  /** Whether calls that `perSecond` asks for are made in bursts, five times a second. */
  readonly bursts?: boolean | undefined;
  readonly deadlineMs: number;
  /** Gives way to the other processes of the benchmark (nice): the load is there, and what is measured is another. */
  readonly yielding?: boolean | undefined;
}

export interface LoadResult {
  /** Calls that succeeded, of each database. */
  readonly succeeded: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Calls that failed, by code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Of those, refusals (RESOURCE_EXHAUSTED) that didn't say when to come again. */
  readonly withoutRetryInfo: number;
  /** Calls that `perSecond` asked for and that weren't made because too many were in flight. */
  readonly unsent: number;
  /** Milliseconds that calls took which succeeded. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export type LoadRequest =
  | { readonly kind: "start"; readonly load: Load }
  | { readonly kind: "run"; readonly seconds: number };
export type LoadAnswer = { readonly ready: true } | { readonly result: LoadResult } | { readonly failed: string };

/** Nothing is left running, however the benchmark ends. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class LoadProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a process whose connections are all made when this resolves. */
  static async start(load: Load): Promise<LoadProcess> {
    const child = fork(
      join(import.meta.dirname, "load-process.ts"),
      [load.yielding === true ? "yielding" : "measured"],
      {
        execArgv: ["--conditions=docdb:source"],
      },
    );
    running.add(child);
    child.once("exit", () => running.delete(child));
    if (load.yielding === true && child.pid !== undefined) setPriority(child.pid, 10);
    const started = new LoadProcess(child);
    await started.#ask({ kind: "start", load });
    return started;
  }

  /** Puts the load on for a while. */
  async run(seconds: number): Promise<LoadResult> {
    const answer = await this.#ask({ kind: "run", seconds });
    if (!("result" in answer)) throw new Error("the load process measured nothing");
    return answer.result;
  }

  async close(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }

  async #ask(request: LoadRequest): Promise<LoadAnswer> {
    const answered = once(this.#child, "message") as Promise<[LoadAnswer]>;
    this.#child.send(request);
    const [answer] = await answered;
    if ("failed" in answer) throw new Error(answer.failed);
    return answer;
  }
}

/** Calls a second that succeeded. */
export function rateOf({ succeeded, seconds }: LoadResult): number {
  return Object.values(succeeded).reduce((sum, count) => sum + count, 0) / seconds;
}
