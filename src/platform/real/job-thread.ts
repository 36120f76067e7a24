// What runs in the worker thread: takes one job after the other, and answers each. Only worker-jobs.ts starts it.

import { parentPort } from "node:worker_threads";
import { assert } from "../../base/assert.ts";
import type { Job } from "../jobs.ts";
import { type PackedError, packError } from "./job-errors.ts";

/** What the thread is asked. */
export interface JobRequest {
  /** See Job. */
  readonly module: string;
  readonly name: string;
  readonly input: unknown;
}

/** What it answers. */
export type JobAnswer = { readonly output: unknown } | { readonly error: PackedError };

const port = parentPort;
assert(port !== null, "the thread's file was loaded without a thread");

port.on("message", (request: JobRequest) => {
  void answer(request);
});

async function answer({ module, name, input }: JobRequest): Promise<void> {
  try {
    const { [name]: job } = (await import(module)) as Readonly<Record<string, Job<unknown, unknown>>>;
    assert(job !== undefined, `${module} exports no job ${name}`);
    const { value: output, transfer } = job.run(input);
    port?.postMessage({ output } satisfies JobAnswer, [...transfer]);
  } catch (error) {
    port?.postMessage({ error: packError(error) } satisfies JobAnswer);
  }
}
