// Requests with an id on a machine that crashes: clients append numbers to one document and store others as documents
// of their own, and repeat requests of their own and of others, while they run, after crashes, after compactions. A
// number that is there twice was applied twice; one that was acknowledged and isn't there is lost; and every repetition
// must have the answer that the first had. Commits of transactions are such requests too; of them a repetition may also
// learn that they left nothing, and then their numbers must never be there.

import { DocDBError, type ErrorCode } from "../../src/base/errors.ts";
import type { Command, WriteOperation } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedCrash, SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { Violation } from "./commit-model.ts";

const directory = "/db";
const database = "d";
/** Far from the ids that are assigned while it isn't there. */
const ledger = 1000n;

/** Answers of a disk that fails or is full, and of what comes with it. */
const failures: readonly ErrorCode[] = [
  "DISK_FULL",
  "IO_ERROR",
  "DATABASE_READ_ONLY",
  "MEMORY_LIMIT",
  "DOCUMENT_NOT_FOUND",
];

interface Request {
  readonly command: Command<"writeDocument"> | Command<"batchWrite"> | Command<"commitTransaction">;
  /** Numbers that it writes. */
  readonly numbers: readonly number[];
  /** What it was answered, as text; undefined while nobody knows. */
  answer: string | undefined;
}

/** The answer of a commit that conflicted, or is proven to have left nothing. */
const nothing = "nothing";

export interface RequestRunSummary {
  readonly crashes: number;
  readonly requests: number;
  readonly repetitions: number;
  /** Commits of transactions that were applied, and that are proven to have left nothing. */
  readonly commits: number;
  readonly nothings: number;
}

class RequestRun {
  readonly machine: SimulatedMachine;
  readonly random: Prng;
  readonly faulty: boolean;
  readonly requests: Request[] = [];
  repetitions = 0;
  #lastNumber = 0;

  constructor(seed: number) {
    this.machine = new SimulatedMachine(seed, { traceLines: 40 });
    this.random = new Prng(seed, 200);
    this.faulty = this.random.below(4) === 0;
  }

  /** One boot, which may end in a crash. */
  async boot(operations: number, mayCrash: boolean): Promise<boolean> {
    const { machine, random } = this;
    machine.faults.clear();
    if (mayCrash && random.below(5) > 0) {
      machine.crashAtIo(machine.ioCount + 1 + random.below(150), random.below(3) === 0 ? "kill" : "power");
    }
    if (mayCrash && this.faulty) machine.faults.setProbability(random.pick(["writeError", "noSpace"] as const), 0.02);
    try {
      await machine.run(this.#session(operations));
      return false;
    } catch (error) {
      if (error instanceof SimulatedCrash) return true;
      if (this.faulty && mayCrash && !(error instanceof Violation)) return false;
      throw error;
    }
  }

  async #session(operations: number): Promise<void> {
    const { machine, random } = this;
    const files = { segmentBytes: random.pick([800, 4096] as const), checkpointBytes: 3000, keepSegments: 0 };
    const compaction = {
      compactionBytes: 3000,
      compactionBatchBytes: 300,
      compactionDeadRatio: 0.3,
      scrubIntervalMs: 0,
    };
    const fsyncMode = random.pick(["group", "always"] as const);
    const environment = { directory, platform: machine.platform(), observer: silentObserver, fsyncMode };
    const engine = await Engine.open({ ...environment, ...files, ...compaction });
    try {
      await engine.execute({ op: "openDatabase", database, createIfMissing: true });
      const first = {
        kind: "update",
        collection: "",
        id: ledger,
        json: Buffer.from("[]"),
        allowMissing: true,
      } as const;
      await this.#send(
        engine,
        this.#requestFor({ op: "writeDocument", database, operation: first, requestId: "first" }),
      );
      await this.#judge(engine);
      await Promise.all([1, 2, 3].map(() => this.#client(engine, operations)));
      await this.#judge(engine);
    } finally {
      await engine.close();
    }
  }

  async #client(engine: Engine, operations: number): Promise<void> {
    const { random } = this;
    for (let i = 0; i < operations; i++) {
      const dice = random.below(20);
      if (dice < 6) await this.#send(engine, this.#newRequest());
      else if (dice < 9) await this.#transaction(engine);
      else if (dice < 17) await this.#send(engine, random.pick(this.requests as [Request, ...Request[]]));
      else if (dice < 18) await this.#judge(engine);
      else await this.#upkeep(engine, dice === 18 ? "compactDatabase" : "checkpointDatabase");
    }
  }

  async #upkeep(engine: Engine, op: "compactDatabase" | "checkpointDatabase"): Promise<void> {
    await engine.execute({ op, database }).catch((error: unknown) => {
      if (!this.faulty || !(error instanceof DocDBError)) throw error;
    });
  }

  #newRequest(): Request {
    const first = ++this.#lastNumber;
    const requestId = `r${first}`;
    const dice = this.random.below(6);
    if (dice < 2)
      return this.#requestFor({ op: "writeDocument", database, operation: append(first), requestId }, first);
    if (dice < 4) return this.#requestFor({ op: "writeDocument", database, operation: store(first), requestId }, first);
    const second = ++this.#lastNumber;
    const operations = [append(first), store(second)];
    const command = { op: "batchWrite", database, operations, atomic: dice === 4, requestId } as const;
    return this.#requestFor(command, first, second);
  }

  /** A transaction that writes two numbers; its commit is a request like the others. */
  async #transaction(engine: Engine): Promise<void> {
    const [first, second] = [++this.#lastNumber, ++this.#lastNumber];
    const isolation = this.random.pick(["serializable", "snapshot"] as const);
    let transaction: string;
    try {
      ({ transaction } = await engine.execute({ op: "beginTransaction", database, isolation }));
      for (const operation of [append(first), store(second)]) {
        await engine.execute({ op: "writeDocument", database, operation, transaction });
      }
    } catch (error) {
      if (!this.#tolerates(error)) throw error;
      return;
    }
    const command = { op: "commitTransaction", database, transaction, requestId: `c${first}` } as const;
    await this.#send(engine, this.#requestFor(command, first, second));
  }

  #tolerates(error: unknown): boolean {
    return error instanceof DocDBError && this.faulty && failures.includes(error.code);
  }

  #requestFor(command: Request["command"], ...numbers: number[]): Request {
    const known = this.requests.find((request) => request.command.requestId === command.requestId);
    if (known !== undefined) return known;
    const request: Request = { command, numbers, answer: undefined };
    this.requests.push(request);
    return request;
  }

  /** Sends a request, for the first time or once more. */
  async #send(engine: Engine, request: Request): Promise<void> {
    const known = request.answer;
    if (known !== undefined) this.repetitions++;
    let answer: string;
    try {
      answer = answerOf(await engine.execute(request.command));
    } catch (error) {
      if (!leftNothing(error, request)) {
        if (!this.#tolerates(error)) throw error;
        return;
      }
      answer = nothing;
    }
    if (answer.includes("failed")) return;
    const before = known ?? request.answer;
    if (before !== undefined && before !== answer) {
      throw new Violation(`${request.command.requestId} was answered ${before}, and then ${answer}`);
    }
    request.answer = answer;
  }

  /** Every acknowledged number is there, and none is there twice. */
  async #judge(engine: Engine): Promise<void> {
    const numbersOf = (requests: readonly Request[]): number[] => requests.flatMap((request) => request.numbers);
    const answered = this.requests.filter(({ answer }) => answer !== undefined);
    const acknowledged = numbersOf(answered.filter(({ answer }) => answer !== nothing));
    const disproved = numbersOf(answered.filter(({ answer }) => answer === nothing));
    const page = { op: "listDocuments", database, collection: "", after: 0n, pageSize: 1000 } as const;
    const { items } = await engine.execute(page);
    const there = items.flatMap(({ json }) => JSON.parse(Buffer.from(json).toString()) as number | number[]);
    const numbers = new Set(there);
    if (numbers.size !== there.length) throw new Violation(`a number was written twice: ${there.join()}`);
    const lost = acknowledged.find((number) => !numbers.has(number));
    if (lost !== undefined) throw new Violation(`${lost} was acknowledged and is lost`);
    const risen = disproved.find((number) => numbers.has(number));
    if (risen !== undefined) throw new Violation(`${risen} is there, of a transaction that left nothing`);
  }
}

function append(number: number): WriteOperation {
  const operations = [{ op: "set", path: "/-", json: Buffer.from(String(number)) }] as const;
  return { kind: "patch", collection: "", id: ledger, patch: { form: "operations", operations } };
}

/** A document of its own, under an id that the engine assigns. */
function store(number: number): WriteOperation {
  return { kind: "create", collection: "", id: 0n, json: Buffer.from(String(number)) };
}

/** Whether a commit's error tells that nothing was applied. */
function leftNothing(error: unknown, { command }: Request): boolean {
  if (command.op !== "commitTransaction" || !(error instanceof DocDBError)) return false;
  const { code, metadata } = error;
  return code === "TRANSACTION_CONFLICT" || (code === "TRANSACTION_NOT_FOUND" && metadata["outcome"] === "nothing");
}

type Answer = Awaited<ReturnType<typeof Engine.prototype.execute<Request["command"]["op"]>>>;

function answerOf(answer: Answer): string {
  if ("commitTimeMs" in answer) return `@${answer.version}`;
  if ("version" in answer) return `${answer.id}@${answer.version}`;
  return answer.outcomes.map((one) => (one.ok ? `${one.value.id}@${one.value.version}` : "failed")).join();
}

/** Runs a seed; throws a `Violation`, with the seed and the last I/Os in its message, when a promise was broken. */
export async function runRequests(seed: number): Promise<RequestRunSummary> {
  const run = new RequestRun(seed);
  let crashes = 0;
  try {
    for (let boots = 2 + run.random.below(3); boots > 0; boots--) if (await run.boot(8, true)) crashes++;
    for (const operations of [8, 0]) await run.boot(operations, false);
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Violation(`requests, seed ${seed}: ${reason}\n${run.machine.trace.slice(-40).join("\n")}`);
  }
  const commits = run.requests.filter(
    ({ command, answer }) => command.op === "commitTransaction" && answer !== undefined,
  );
  const nothings = commits.filter(({ answer }) => answer === nothing).length;
  const { requests, repetitions } = run;
  return { crashes, requests: requests.length, repetitions, commits: commits.length - nothings, nothings };
}
