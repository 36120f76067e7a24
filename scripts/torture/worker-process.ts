// A process that does runs of one layer, and the other end of it in the process that directs. A run that ends its
// process (a failed assertion that nobody caught, no memory) counts as failed, as one that throws does.

import { type ChildProcess, fork } from "node:child_process";
import type { Counts, Layer } from "./layer.ts";

/** What a process is asked to do: the runs from `first` to before `end`. */
interface Portion {
  readonly first: number;
  readonly end: number;
}

/** What it tells: that it begins with a run, that the portion is done, or that a run failed. */
type Message =
  | { readonly kind: "began"; readonly run: number }
  | { readonly kind: "done"; readonly counts: Counts }
  | { readonly kind: "failed"; readonly message: string };

/** A run that broke a promise. */
export class FailedRun extends Error {
  override readonly name = "FailedRun";
  readonly run: number;

  constructor(run: number, message: string) {
    super(message);
    this.run = run;
  }
}

/** Serves a parent that makes portions of these layers; the layer's name is the process's last argument. */
export function serveParent(layer: Layer, add: (a: Counts, b: Counts) => Counts): void {
  const tell = (message: Message): void => {
    if (process.connected) process.send?.(message);
  };
  const work = async ({ first, end }: Portion): Promise<void> => {
    let counts: Counts = {};
    for (let run = first; run < end; run++) {
      tell({ kind: "began", run });
      try {
        counts = add(counts, await layer.run(run));
      } catch (error) {
        const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
        tell({ kind: "failed", message });
        return;
      }
    }
    tell({ kind: "done", counts });
  };
  process.on("message", (portion: Portion) => void work(portion));
  process.on("disconnect", () => process.exit());
}

/** One such process. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  #log = "";

  constructor(program: string, layer: string) {
    const execArgv = ["--conditions=docdb:source"];
    this.#child = fork(program, [layer], { execArgv, stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child.stderr?.on("data", (chunk) => {
      this.#log = (this.#log + String(chunk)).slice(-4_000);
    });
  }

  /** Does the runs from `first` to before `end`; rejects with the `FailedRun` that ends them. */
  do(first: number, end: number): Promise<Counts> {
    const child = this.#child;
    let run = first;
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new FailedRun(run, `its process ended:\n${this.#log}`));
      const onMessage = (message: Message): void => {
        if (message.kind === "began") {
          run = message.run;
          return;
        }
        child.off("exit", onExit);
        child.off("message", onMessage);
        if (message.kind === "done") resolve(message.counts);
        else reject(new FailedRun(run, message.message));
      };
      child.on("message", onMessage);
      child.once("exit", onExit);
      child.send({ first, end } satisfies Portion);
    });
  }

  /** Lets it end. */
  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
