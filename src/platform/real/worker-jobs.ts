// Jobs in a worker thread: one, because what needs it is rare, and a second one would take the processor from those who
// answer everything else. It starts with the first job, ends when it has had nothing to do for a while (it holds some
// megabytes), and another one takes its place when it dies. While it runs nothing it doesn't keep the process alive.

import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { isErrno } from "../file-io.ts";
import { type Job, JobLost, type Jobs, type Parcel } from "../jobs.ts";
import type { JobAnswer, JobRequest } from "./job-thread.ts";
import { errorOf } from "./job-errors.ts";

/** Milliseconds without a job after which the thread ends. */
const idleMs = 10_000;
/** Mebibytes of heap; bytes of documents lie outside. The largest merge patch of short members takes 700. */
const heapMebibytes = 1_024;

export interface WorkerOptions {
  /** Mebibytes of JavaScript objects that a job may hold; bytes in buffers don't count. Default 1,024. */
  readonly heapMebibytes?: number;
}

/** The source runs as it is, what is published was made JavaScript: the thread's file lies beside this one as such. */
const threadUrl = new URL(`./job-thread${extname(import.meta.filename)}`, import.meta.url);

export class WorkerJobs implements Jobs {
  readonly #heapMebibytes: number;
  #thread: Thread | undefined;
  /** Settles when the last job has. */
  #last: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  constructor({ heapMebibytes: mebibytes = heapMebibytes }: WorkerOptions = {}) {
    this.#heapMebibytes = mebibytes;
  }

  run<Input, Output>(job: Job<Input, Output>, input: () => Promise<Parcel<Input>>): Promise<Output> {
    const answer = this.#last.then(() => this.#runNow(job, input));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async rest(): Promise<void> {
    for (let last; last !== this.#last; ) await (last = this.#last);
    await this.#end();
  }

  async #runNow<Input, Output>(job: Job<Input, Output>, input: () => Promise<Parcel<Input>>): Promise<Output> {
    const { value, transfer } = await input();
    clearTimeout(this.#idle);
    if (this.#thread?.isAlive !== true) this.#thread = new Thread(this.#heapMebibytes);
    const request = { module: job.module, name: job.name, input: value };
    const answer = await this.#thread.ask(request, transfer).finally(() => {
      this.#idle = setTimeout(() => void this.#end(), idleMs).unref();
    });
    if ("error" in answer) throw errorOf(answer.error);
    return answer.output as Output;
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }
}

/** One thread, which is asked one thing at a time. */
class Thread {
  readonly #worker: Worker;
  #asked: { readonly job: string; resolve(answer: JobAnswer): void; reject(error: JobLost): void } | undefined;
  #cause: unknown;
  isAlive = true;

  constructor(maxOldGenerationSizeMb: number) {
    this.#worker = new Worker(threadUrl, {
      name: "docdb-jobs",
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb },
    });
    this.#worker.on("message", (answer: JobAnswer) => {
      this.#asked?.resolve(answer);
    });
    this.#worker.on("messageerror", (error) => {
      this.#asked?.reject(new JobLost(this.#asked.job, false, error));
    });
    // Also when its heap is full: that ends the thread and nothing else.
    this.#worker.on("error", (error) => {
      this.#cause = error;
    });
    this.#worker.on("exit", () => {
      this.isAlive = false;
      const isOutOfMemory = isErrno(this.#cause, "ERR_WORKER_OUT_OF_MEMORY");
      this.#asked?.reject(new JobLost(this.#asked.job, isOutOfMemory, this.#cause));
    });
    this.#worker.unref();
  }

  async ask(request: JobRequest, transfer: readonly ArrayBuffer[]): Promise<JobAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<JobAnswer>();
    this.#asked = { job: request.name, resolve, reject };
    this.#worker.ref();
    try {
      this.#worker.postMessage(request, [...transfer]);
      return await promise;
    } finally {
      this.#asked = undefined;
      this.#worker.unref();
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
