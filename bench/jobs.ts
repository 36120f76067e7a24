// What the benchmark and its client processes say to each other, and the parent's side of it.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { ContenderName } from "./contender.ts";

export type Workload = "get" | "create" | "batch" | "mixed" | "scan";

export interface Job {
  readonly workload: Workload;
  /** Operations at the same time. */
  readonly inFlight: number;
  readonly seconds: number;
  /** Seconds before that don't count. */
  readonly warmUpSeconds: number;
}

export type Request =
  | { readonly kind: "measure"; readonly job: Job }
  /** `already`: somebody else has loaded them. */
  | { readonly kind: "load"; readonly count: number; readonly text: string; readonly already: boolean }
  | { readonly kind: "clear" }
  | { readonly kind: "close" };

export interface Measured {
  /** Operations a second. */
  readonly perSecond: number;
  /** Milliseconds of one operation. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Answer {
  readonly measured?: Measured;
  /** Why it didn't work. */
  readonly failed?: string;
}

/** A contender that runs in a process of its own. */
export class ClientProcess {
  readonly name: ContenderName;
  readonly #child: ChildProcess;

  private constructor(name: ContenderName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /** Starts it, and waits until it has connected. */
  static async start(name: ContenderName, socket: string): Promise<ClientProcess> {
    const child = fork(join(import.meta.dirname, "client-process.ts"), [name, socket], {
      execArgv: ["--conditions=docdb:source"],
    });
    process.on("exit", () => child.kill("SIGKILL"));
    const client = new ClientProcess(name, child);
    await client.#answer();
    return client;
  }

  async load(count: number, text: string, already: boolean): Promise<void> {
    await this.#ask({ kind: "load", count, text, already });
  }

  async measure(job: Job): Promise<Measured> {
    const { measured } = await this.#ask({ kind: "measure", job });
    if (measured === undefined) throw new Error(`${this.name} measured nothing`);
    return measured;
  }

  /** Takes back what was created. */
  async clear(): Promise<void> {
    await this.#ask({ kind: "clear" });
  }

  async close(): Promise<void> {
    const gone = once(this.#child, "exit");
    this.#child.send({ kind: "close" });
    await gone;
  }

  async #ask(request: Request): Promise<Answer> {
    const answer = this.#answer();
    this.#child.send(request);
    return await answer;
  }

  async #answer(): Promise<Answer> {
    const done = new AbortController();
    const { signal } = done;
    try {
      const ended = once(this.#child, "exit", { signal }).then(() => {
        throw new Error(`the client process of ${this.name} ended`);
      });
      const answered = once(this.#child, "message", { signal }) as Promise<[Answer]>;
      ended.catch(() => undefined);
      const [answer] = await Promise.race([answered, ended]);
      if (answer.failed !== undefined) throw new Error(`${this.name}: ${answer.failed}`);
      return answer;
    } finally {
      done.abort();
    }
  }
}
