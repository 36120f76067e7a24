// Failures that a simulated machine injects into I/O: which, when and where. A fault strikes one I/O, and only an I/O
// of a kind that it fits; what it then does is the business of the operation.

import type { Prng } from "./prng.ts";

/** The calls of a file system that count as one I/O each. */
export type IoKind =
  | "open"
  | "create"
  | "read"
  | "write"
  | "datasync"
  | "truncate"
  | "size"
  | "close"
  | "rename"
  | "unlink"
  | "mkdir"
  | "readdir"
  | "exists"
  | "syncDirectory"
  | "lock"
  | "unlock"
  | "statfs";

/**
 * What can go wrong.
 * - `error`: EIO from any call, in the worst way that the call has: as `writeError`, as `syncFailure`, or simply
 *   nothing done.
 * - `readError`: EIO; nothing was read.
 * - `writeError`: EIO; of a write any prefix may have landed.
 * - `syncFailure`: EIO; the dirty pages (or names) count as clean: readable until a power cut, lost after it whatever
 *   is synced later.
 * - `syncRefusal`: EIO; the changes stay dirty: a power cut may leave any of them, a later sync makes them durable.
 * - `noSpace`: the disk is full: a write stops short and the file's next one fails with ENOSPC, as do new names at
 *   once.
 * - `noNameSpace`: the directory has no room for a new name: ENOSPC, and nothing was done.
 * - `busy`: EAGAIN; nothing was done, and the same call may succeed the next time.
 * - `shortWrite`: a write stops short for no reason.
 * - `misdirectedWrite`: a write reports success and lands elsewhere in the file.
 * - `lostWrite`: a write reports success, is readable, and never reaches the disk.
 * - `lostRename`: a rename reports success, is visible, and never reaches the disk.
 * - `bitRot`: one bit of what is about to be read flips, for good.
 */
export type FaultKind =
  | "error"
  | "readError"
  | "writeError"
  | "syncFailure"
  | "syncRefusal"
  | "noSpace"
  | "noNameSpace"
  | "busy"
  | "shortWrite"
  | "misdirectedWrite"
  | "lostWrite"
  | "lostRename"
  | "bitRot";

/** The calls that a fault fits; `undefined` stands for all. */
const fitting: Readonly<Record<FaultKind, readonly IoKind[] | undefined>> = {
  error: undefined,
  readError: ["read"],
  writeError: ["write", "truncate"],
  syncFailure: ["datasync", "syncDirectory"],
  syncRefusal: ["datasync", "syncDirectory"],
  noSpace: ["write", "create", "mkdir"],
  noNameSpace: ["create", "mkdir", "rename"],
  busy: ["open", "create", "read", "size", "rename", "unlink", "readdir", "exists", "statfs"],
  shortWrite: ["write"],
  misdirectedWrite: ["write"],
  lostWrite: ["write"],
  lostRename: ["rename"],
  bitRot: ["read"],
};

/** A fault that struck. */
export interface Strike {
  /** The number of the I/O, from 1. */
  readonly io: number;
  readonly fault: FaultKind;
  readonly call: IoKind;
  readonly path: string;
}

interface Rule {
  readonly fault: FaultKind;
  /** Strikes I/Os numbered in [first, last]. */
  readonly first: number;
  readonly last: number;
  readonly probability: number;
  readonly path: RegExp | undefined;
  /** `once` is gone after its first strike; `chance` was made by `setProbability`. */
  readonly kind: "once" | "chance" | "always";
}

/** The fault settings of one machine. Rules are tried in the order they were made; one fault strikes an I/O at most. */
export class Faults {
  readonly #random: Prng;
  #rules: Rule[] = [];
  /** Every fault that struck, in order. */
  readonly struck: Strike[] = [];

  constructor(random: Prng) {
    this.#random = random;
  }

  /** Strikes every I/O that it fits with this probability, on paths that match. Settings add up; 0 ends them. */
  setProbability(fault: FaultKind, probability: number, path?: RegExp): void {
    if (probability === 0) this.#rules = this.#rules.filter((rule) => rule.fault !== fault || rule.kind !== "chance");
    else this.#rules.push({ fault, first: 1, last: Infinity, probability, path, kind: "chance" });
  }

  /** Strikes the I/O with this number (from 1, see `SimulatedMachine.ioCount`), if it fits. */
  failAt(io: number, fault: FaultKind = "error"): void {
    this.#rules.push({ fault, first: io, last: io, probability: 1, path: undefined, kind: "once" });
  }

  /** Strikes the I/O with this number and every one after it, as far as it fits. */
  failFrom(io: number, fault: FaultKind = "error", path?: RegExp): void {
    this.#rules.push({ fault, first: io, last: Infinity, probability: 1, path, kind: "always" });
  }

  /** Strikes the next I/O that it fits, on a path that matches. */
  failNext(fault: FaultKind, path?: RegExp): void {
    this.#rules.push({ fault, first: 1, last: Infinity, probability: 1, path, kind: "once" });
  }

  /** Ends all faults. What they did stays done. */
  clear(): void {
    this.#rules = [];
  }

  /** The fault that strikes this I/O, if one does. Draws random numbers only where a probability asks for one. */
  strike(io: number, call: IoKind, path: string): FaultKind | undefined {
    for (const rule of this.#rules) {
      if (io < rule.first || io > rule.last || !fits(rule.fault, call)) continue;
      if (rule.path !== undefined && !rule.path.test(path)) continue;
      if (rule.probability < 1 && !this.#random.chance(rule.probability)) continue;
      if (rule.kind === "once") this.#rules = this.#rules.filter((other) => other !== rule);
      this.struck.push({ io, fault: rule.fault, call, path });
      return rule.fault;
    }
    return undefined;
  }
}

/** Whether a fault can strike a call. */
export function fits(fault: FaultKind, call: IoKind): boolean {
  return fitting[fault]?.includes(call) ?? true;
}
