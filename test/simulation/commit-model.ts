// What a database may contain, judged from outside: every attempt to write, what was answered, and what readers saw.
//
// The judge knows facts (this commit is there, with this version: it was acknowledged, or a reader saw it) and attempts
// whose outcome nobody knows. After a recovery it demands: facts up to the recovered version are all there, in their
// order; nothing else is, except attempts of unknown outcome, each whole; refused attempts never. What was in doubt is
// then settled for good.

/** The content of a document, unique to the attempt that wrote it; null: no document. */
export type Content = string | null;

export interface PlannedWrite {
  readonly key: string;
  readonly content: Content;
}

/** What a read found. `version` is undefined when there is no document. */
export interface Seen {
  readonly content: Content;
  readonly version: number | undefined;
}

export interface Attempt {
  readonly writes: readonly PlannedWrite[];
  /** Highest version that anyone had seen when the attempt began: its own version must be greater. */
  readonly since: number;
  state: "unsettled" | "applied" | "refused";
}

interface Fact {
  readonly version: number;
  readonly content: Content;
}

/** Something happened that must never happen. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export class CommitModel {
  readonly #facts = new Map<string, Fact[]>();
  readonly #byContent = new Map<string, Attempt>();
  readonly #unsettled = new Set<Attempt>();
  /** What readers of snapshots found since the last recovery. */
  #snapshotReads: { readonly key: string; readonly seen: Seen; readonly version: number }[] = [];
  #highest = 0;
  #attempts = 0;

  /** Every document that was ever written to. */
  get keys(): string[] {
    return [...this.#facts.keys()];
  }

  /** A number that no attempt had before. */
  nextNumber(): number {
    return ++this.#attempts;
  }

  begin(writes: readonly PlannedWrite[]): Attempt {
    const attempt: Attempt = { writes, since: this.#highest, state: "unsettled" };
    this.#unsettled.add(attempt);
    for (const { key, content } of writes) {
      if (!this.#facts.has(key)) this.#facts.set(key, [{ version: 0, content: null }]);
      if (content !== null) this.#byContent.set(content, attempt);
    }
    return attempt;
  }

  /** The server said that the attempt is committed with this version. */
  acknowledged(attempt: Attempt, version: number): void {
    if (version <= attempt.since) {
      throw new Violation(
        `version ${version} was given to a commit that began after version ${attempt.since} was seen`,
      );
    }
    this.#apply(attempt, version);
  }

  /** The server said that nothing happened. */
  refused(attempt: Attempt): void {
    if (attempt.state === "applied") throw new Violation("a commit was refused that a reader had seen");
    attempt.state = "refused";
    this.#unsettled.delete(attempt);
  }

  /** The newest version that a reader who starts now must see of a document, at least. */
  floor(key: string): number {
    return this.#newest(key)?.version ?? 0;
  }

  /** A reader that began when `floor` held found this. */
  observed(key: string, seen: Seen, floor: number): void {
    if (seen.content === null) {
      const newest = this.#newest(key);
      const explained =
        newest === undefined ||
        newest.content === null ||
        newest.version > floor ||
        [...this.#unsettled].some((attempt) => attempt.writes.some((w) => w.key === key && w.content === null));
      if (!explained) throw new Violation(`${key} was not found, but version ${floor} of it was there before`);
      return;
    }
    this.#see(key, seen);
    if ((seen.version ?? 0) < floor) throw new Violation(`${key}: version ${seen.version} was read after ${floor}`);
  }

  /**
   * A reader of the snapshot of `version` found this. Commits of that version may be acknowledged later: it is judged
   * when `settleSnapshotReads` is called.
   */
  observedAt(key: string, seen: Seen, version: number): void {
    if (seen.content !== null) this.#see(key, seen);
    if ((seen.version ?? 0) > version) throw new Violation(`${key}: snapshot ${version} has version ${seen.version}`);
    this.#snapshotReads.push({ key, seen, version });
  }

  /** Judges what readers of snapshots found. Nothing that they can have seen waits for its acknowledgement any more. */
  settleSnapshotReads(): void {
    for (const { key, seen, version } of this.#snapshotReads.splice(0)) {
      const newest = this.#facts.get(key)?.findLast((fact) => fact.version <= version);
      if ((newest?.content ?? null) === seen.content) continue;
      const mayBeDeleted = [...this.#unsettled].some(({ writes }) =>
        writes.some((write) => write.key === key && write.content === null),
      );
      if (seen.content === null && mayBeDeleted) continue;
      const wanted = `version ${newest?.version} is what the snapshot of version ${version} must have`;
      throw new Violation(`${key}: ${wanted}, and it has ${seen.version ?? "none"}`);
    }
  }

  /**
   * Judges the state after a recovery, and takes it as fact. `version` is the last one that survived; with `lossy`,
   * facts behind it may be gone, otherwise none may.
   */
  recovered(state: ReadonlyMap<string, Seen>, version: number, lossy: boolean): void {
    this.#snapshotReads = [];
    for (const [key, facts] of this.#facts) {
      const lost = facts.filter((fact) => fact.version > version);
      if (lost.length > 0 && !lossy) {
        throw new Violation(`${key}: version ${lost[0]?.version} is lost: only ${version} versions survived`);
      }
      this.#facts.set(key, facts.slice(0, facts.length - lost.length));
    }
    for (const [key, seen] of state) if (seen.content !== null) this.#see(key, seen);
    for (const key of this.#facts.keys()) this.#judge(key, state, version);
    for (const attempt of this.#unsettled) attempt.state = "refused";
    this.#unsettled.clear();
    this.#highest = Math.max(this.#highest, version);
  }

  #judge(key: string, state: ReadonlyMap<string, Seen>, version: number): void {
    const newest = this.#newest(key);
    const seen = state.get(key) ?? { content: null, version: undefined };
    if (newest === undefined || seen.content === newest.content) return;
    if (seen.content !== null) {
      throw new Violation(`${key}: version ${seen.version} came back, but version ${newest.version} had replaced it`);
    }
    const deleted = [...this.#unsettled].some((attempt) => this.#mayHaveDeleted(attempt, key, state));
    if (!deleted) throw new Violation(`${key}: version ${newest.version} is lost`);
    this.#facts.get(key)?.push({ version, content: null });
  }

  /** Whether an attempt of unknown outcome can be why a document is gone: not when its other writes plainly failed. */
  #mayHaveDeleted(attempt: Attempt, key: string, state: ReadonlyMap<string, Seen>): boolean {
    if (!attempt.writes.some((write) => write.key === key && write.content === null)) return false;
    return attempt.writes.every((write) => {
      if (write.content === null) return true;
      const seen = state.get(write.key);
      return seen?.version === undefined || seen.version > attempt.since;
    });
  }

  /** Content that was seen proves its commit, whole. */
  #see(key: string, seen: Seen): void {
    const attempt = this.#byContent.get(seen.content ?? "");
    if (attempt === undefined || !attempt.writes.some((w) => w.key === key && w.content === seen.content)) {
      throw new Violation(`${key} has content that nobody wrote to it: ${seen.content}`);
    }
    if (attempt.state === "refused")
      throw new Violation(`${key} has content of a write that was refused: ${seen.content}`);
    if (seen.version === undefined) throw new Violation(`${key} has content and no version`);
    if (attempt.state === "unsettled") this.#apply(attempt, seen.version);
    const known = this.#facts.get(key)?.some((f) => f.version === seen.version && f.content === seen.content);
    if (known !== true) throw new Violation(`${key} has version ${seen.version}, but was committed with another`);
  }

  #apply(attempt: Attempt, version: number): void {
    if (attempt.state === "refused") throw new Violation("a commit that was settled as failed was acknowledged");
    this.#highest = Math.max(this.#highest, version);
    if (attempt.state === "applied") return;
    attempt.state = "applied";
    this.#unsettled.delete(attempt);
    for (const { key, content } of attempt.writes) {
      const facts = this.#facts.get(key) ?? [];
      facts.push({ version, content });
      facts.sort((a, b) => a.version - b.version);
    }
  }

  #newest(key: string): Fact | undefined {
    return this.#facts.get(key)?.at(-1);
  }
}
