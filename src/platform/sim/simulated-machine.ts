// A deterministic machine to test the storage engine on: a disk that fails as disks do, a clock that moves only in
// steps, and a process that can die between any two I/Os. In the spirit of FoundationDB's simulation and TigerBeetle's
// VOPR.
//
// Invariants
// 1. Everything random comes from the seed: the same seed and the same program give the same run, I/O by I/O.
// 2. An I/O happens at one moment, in `step`, picked at random from those under way. After it all promise reactions run
//    before the next one is picked.
// 3. At most one process lives at a time. What belongs to an earlier one is dead: its promises never settle, its timers
//    never fire, and its calls do nothing.

import type { Clock, Platform, Timer } from "../platform.ts";
import { Disk } from "./disk.ts";
import { Faults, type IoKind } from "./faults.ts";
import { performOperation, type IoHost, type Operation } from "./io-host.ts";
import { IoQueue } from "./io-queue.ts";
import { IoTrace } from "./io-trace.ts";
import type { Survival } from "./power-loss.ts";
import { Prng } from "./prng.ts";
import { SimulatedFileSystem } from "./simulated-file-system.ts";
import { SimulatedJobs } from "./simulated-jobs.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface MachineOptions {
  /** Bytes of the disk; no limit by default. */
  readonly capacityBytes?: number;
  /** Lines of `trace`; 200 by default. */
  readonly traceLines?: number;
  /** How often, in [0, 1], a look at the clock finds that work took `slowTurnMs`; 0 by default. */
  readonly slowTurns?: number;
  /** Steps after which `run` and `runUntilIdle` give up; 1,000,000 by default. */
  readonly stepLimit?: number;
}

/** `power`: unsynced changes may be lost. `kill`: only the process dies, what it wrote stays in the page cache. */
export type CrashKind = "power" | "kill";

/** Thrown by `run` and the like when the machine crashed under what they were running. */
export class SimulatedCrash extends Error {
  override readonly name = "SimulatedCrash";
}

/** One in so many steps fires a timer although I/O is under way: some I/O is slow, by as much as `slowestIoMs`. */
const slowIoRate = 128;
const slowestIoMs = 10_000;
/** More than long work takes of a turn: whoever looks finds that it is over. */
const slowTurnMs = 5;

export class SimulatedMachine {
  readonly seed: number;
  /** Failures to inject; none at first. */
  readonly faults: Faults;
  /** Called before each I/O is done, with its number: a place for `fork`, or to crash at a call of some kind. */
  beforeIo: ((io: number, call: IoKind, path: string) => void) | undefined;
  readonly #options: MachineOptions;
  readonly #schedule: Prng;
  readonly #damage: Prng;
  readonly #forPrograms: Prng;
  readonly #time = new VirtualTime();
  readonly #trace: IoTrace;
  #disk = new Disk();
  #process: object | undefined;
  readonly #underWay = new IoQueue();
  #ioCount = 0;
  #plannedCrash: { readonly io: number; readonly kind: CrashKind; readonly survival: Survival | undefined } | undefined;

  constructor(seed: number, options: MachineOptions = {}) {
    this.seed = seed;
    this.#options = options;
    this.#schedule = new Prng(seed, 1);
    this.#damage = new Prng(seed, 2);
    this.#forPrograms = new Prng(seed, 3);
    this.faults = new Faults(new Prng(seed, 4));
    this.#trace = new IoTrace(options.traceLines ?? 200);
    this.#disk.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Starts a process on the disk as it is. A process that still lives is killed first. */
  platform(): Platform {
    if (this.#process !== undefined) this.crash("kill");
    const process = {};
    this.#process = process;
    const isAlive = (): boolean => this.#process === process;
    this.#trace.note("boot");
    const host: IoHost = {
      disk: this.#disk,
      random: this.#damage,
      locked: new Set(),
      issue: (operation) => (isAlive() ? this.#underWay.add(operation) : never()),
    };
    const clock: Clock = {
      now: () => Math.max(0, this.#time.wallClockMs),
      monotonicMs: () => this.#lookAtTime(),
      after: (delayMs, action) => (isAlive() ? this.#time.after(delayMs, action) : deadTimer),
      yield: () => (isAlive() ? this.#underWay.add<void>(undefined) : never()),
    };
    const random = { u32: () => this.#forPrograms.u32() };
    return { fs: new SimulatedFileSystem(host), clock, random, jobs: new SimulatedJobs(clock) };
  }

  /**
   * Ends the process at once. Of the I/Os under way each may be done, partly done or not done. On `power`, `survival`
   * says what stays of unsynced changes, by default drawn from the seed, apart for names and contents; `drop` and
   * `keep` also do none or all of what is under way.
   */
  crash(kind: CrashKind, survival?: Survival): void {
    this.#process = undefined;
    this.#plannedCrash = undefined;
    this.#time.clear();
    this.#underWay.abandon(this.#damage, survival);
    if (kind === "kill") {
      this.#disk.endProcess();
      this.#trace.note("kill");
    } else {
      const { names, contents } = this.#disk.losePower(this.#damage, survival);
      this.#trace.note(`power loss (names: ${names}, contents: ${contents})`);
    }
    this.#time.pass(1_000);
  }

  /** Crashes instead of doing the I/O with this number (see `ioCount`); `run` then throws a `SimulatedCrash`. */
  crashAtIo(io: number, kind: CrashKind = "power", survival?: Survival): void {
    this.#plannedCrash = { io, kind, survival };
  }

  /** I/Os done so far, over all processes: the number of the last one, as the first has number 1. */
  get ioCount(): number {
    return this.#ioCount;
  }

  /** Does one I/O that is under way, or fires a timer when none is; false when there is nothing to do. */
  async step(): Promise<boolean> {
    await reactions();
    const moved = this.#stepOnce();
    await reactions();
    return moved;
  }

  /** Up to `count` steps; fewer when there is nothing left to do. */
  async steps(count: number): Promise<void> {
    await reactions();
    for (let done = 0; done < count && this.#stepOnce(); done++) await reactions();
  }

  /**
   * Steps until the promise settles, and settles as it does. Throws `SimulatedCrash` when the machine crashes under it,
   * and an error that describes the situation when nothing is left that could settle it.
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    const process = this.#process;
    await reactions();
    for (let steps = 0; !settled; steps++) {
      if (this.#process !== process) throw this.#crashError();
      this.#checkStepLimit(steps);
      if (!this.#stepOnce()) throw this.#stuck("nothing is under way and no timer is set, but the promise is pending");
      await reactions();
    }
    return promise;
  }

  /** Steps until no I/O is under way; timers that aren't due stay. */
  async runUntilIdle(): Promise<void> {
    await reactions();
    for (let steps = 0; this.#underWay.length > 0 || this.#timerIsDue(); steps++) {
      this.#checkStepLimit(steps);
      this.#stepOnce();
      await reactions();
    }
  }

  /** Lets this much time pass: does everything under way, and fires the timers that come due, in order. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#time.elapsedMs + durationMs;
    await this.runUntilIdle();
    while ((this.#time.nextAlarmMs ?? Number.POSITIVE_INFINITY) <= endMs) {
      this.#time.fireNext();
      await this.runUntilIdle();
    }
    this.#time.pass(Math.max(0, endMs - this.#time.elapsedMs));
  }

  /** Moves the wall clock, forward or back; timers don't notice. */
  jumpWallClock(durationMs: number): void {
    this.#time.jump(durationMs);
  }

  /** Bytes that the disk holds at most; may be changed at any time. */
  get capacityBytes(): number {
    return this.#disk.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#disk.capacityBytes = bytes;
  }

  /** All files by path, with copies of what reads see. */
  files(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    for (const [path, inode] of this.#disk.tree.files()) files.set(path, Buffer.from(inode.cache.view()));
    return files;
  }

  /** A copy of what reads see of one file. */
  readFile(path: string): Buffer {
    return Buffer.from(this.#disk.file(path, "open").cache.view());
  }

  /** Puts a file there, name and content durable, in place of any other; handles keep the old one. */
  writeFile(path: string, content: Uint8Array): void {
    this.#disk.plant(path, content);
  }

  /** Takes a file away, for good and at once. */
  removeFile(path: string): void {
    this.#disk.file(path, "unlink");
    this.#disk.plant(path, undefined);
  }

  /** Flips a bit of a file, on the disk and in the page cache; drawn from the seed where not given. */
  flipBit(path: string, position?: number, bit?: number): { readonly position: number; readonly bit: number } {
    const inode = this.#disk.file(path, "open");
    const flipped = {
      position: position ?? this.#damage.below(inode.cache.length),
      bit: bit ?? this.#damage.below(8),
    };
    inode.flipBit(flipped.position, flipped.bit);
    return flipped;
  }

  /** The last I/Os, boots and crashes, oldest first. */
  get trace(): string[] {
    return this.#trace.lines();
  }

  /**
   * Another machine with a copy of this one's disk, synced or not, and the same options, but no process, no faults and
   * a seed of its own. What is under way here never happens there.
   */
  fork(seed: number): SimulatedMachine {
    const fork = new SimulatedMachine(seed, this.#options);
    fork.#disk = this.#disk.copy();
    return fork;
  }

  #lookAtTime(): number {
    const rate = this.#options.slowTurns ?? 0;
    if (rate > 0 && this.#schedule.chance(rate)) this.#time.pass(slowTurnMs);
    return this.#time.elapsedMs;
  }

  #stepOnce(): boolean {
    this.#time.pass(this.#schedule.fraction() * 0.1);
    if (this.#isTimersTurn()) return this.#time.fireNext();
    const picked = this.#schedule.below(this.#underWay.length);
    const operation = this.#underWay.operation(picked);
    if (operation === undefined) this.#underWay.take(picked).resolve(undefined);
    else this.#doIo(picked, operation);
    return true;
  }

  #isTimersTurn(): boolean {
    const count = this.#underWay.length;
    if (count === 0) return true;
    if (this.#timerIsDue()) return this.#schedule.below(count + 1) === 0;
    const nextMs = this.#time.nextAlarmMs ?? Number.POSITIVE_INFINITY;
    return nextMs <= this.#time.elapsedMs + slowestIoMs && this.#schedule.below(slowIoRate) === 0;
  }

  #timerIsDue(): boolean {
    const nextMs = this.#time.nextAlarmMs;
    return nextMs !== undefined && nextMs <= this.#time.elapsedMs;
  }

  #doIo(picked: number, operation: Operation<unknown>): void {
    const { call, path, detail } = operation;
    this.#maybeCrash(call, path);
    const io = ++this.#ioCount;
    const { resolve, reject } = this.#underWay.take(picked);
    const fault = this.faults.strike(io, call, path);
    let outcome: unknown;
    try {
      outcome = performOperation(operation, fault);
      resolve(outcome);
    } catch (error) {
      outcome = error;
      reject(error);
    }
    this.#trace.add({ io, call, path, detail, outcome, fault });
  }

  #maybeCrash(call: IoKind, path: string): void {
    const io = this.#ioCount + 1;
    const process = this.#process;
    this.beforeIo?.(io, call, path);
    const plan = this.#plannedCrash;
    if (plan !== undefined && io >= plan.io) this.crash(plan.kind, plan.survival);
    if (this.#process !== process) throw this.#crashError();
  }

  #checkStepLimit(steps: number): void {
    const limit = this.#options.stepLimit ?? 1_000_000;
    if (steps >= limit) throw this.#stuck(`no end after ${limit} steps`);
  }

  #crashError(): SimulatedCrash {
    return new SimulatedCrash(`The simulated machine crashed before I/O ${this.#ioCount + 1} (seed ${this.seed}).`);
  }

  #stuck(reason: string): Error {
    const last = this.trace.slice(-20).join("\n");
    return new Error(`The simulated machine is stuck: ${reason} (seed ${this.seed}). Last I/Os:\n${last}`);
  }
}

const deadTimer: Timer = { cancel: () => undefined };

function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** Waits until all promise reactions have run: Node drains them before it turns to its next immediate. */
function reactions(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
