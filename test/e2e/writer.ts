// One client that writes at random to documents of its own, and knows at any time what must be stored of them: what was
// acknowledged, and what one call without an answer may have done or not.

import {
  type Collection,
  type Database,
  DocDBError,
  type Document,
  type DocumentStamp,
  type ErrorCode,
  type JsonText,
  jsonText,
  mayHaveBeenApplied,
} from "../../src/client/index.ts";

/** Documents with ids that a writer chooses. */
const ownDocuments = 30;
const largestFill = 3_000;

/** A stored document, as it was acknowledged. */
interface Known {
  readonly json: string;
  readonly version: bigint;
}

/** One mutation, and how it must end. */
interface Mutation {
  readonly kind: "create" | "update" | "upsert" | "delete" | "append";
  /** Unused by "append", which lets the server assign it. */
  readonly id: bigint;
  readonly json: string;
  /** Undefined: it succeeds. */
  readonly fails: ErrorCode | undefined;
}

/** A call without an answer. */
interface Unanswered {
  readonly mutations: readonly Mutation[];
  readonly atomic: boolean;
  /** False when the client says that nothing can have been applied. */
  readonly possible: boolean;
}

/** What a listing found: the document of each id. */
export type Stored = ReadonlyMap<bigint, Document<unknown>>;

export class Writer {
  readonly #number: number;
  #step = 0;
  #calls = 0;
  #greatestVersion = 0n;
  #floor = 0n;
  readonly #own = new Map<bigint, Known>();
  readonly #appended = new Map<bigint, Known>();
  #unanswered: Unanswered | undefined;

  constructor(number: number) {
    this.#number = number;
  }

  /** Calls that were answered. */
  get calls(): number {
    return this.#calls;
  }

  /** The greatest version that was acknowledged or found stored. */
  get greatestVersion(): bigint {
    return this.#greatestVersion;
  }

  /**
   * Writes until the server is gone. Rejects when the server answers what it must not, such as a version that isn't
   * beyond `floor`, up to which versions are taken.
   */
  async write(db: Database, floor: bigint): Promise<void> {
    this.#floor = floor;
    for (;;) {
      const mutations = this.#choose();
      const form = mutations.length === 1 ? "single" : Math.random() < 0.5 ? "each" : "atomic";
      try {
        if (form === "single") await this.#single(db, mutations[0] as Mutation);
        else if (form === "each") await this.#each(db, mutations);
        else await this.#atomic(db, mutations);
        this.#calls++;
      } catch (error) {
        if (!(error instanceof DocDBError) || error.status !== "UNAVAILABLE") throw error;
        this.#unanswered = { mutations, atomic: form === "atomic", possible: mayHaveBeenApplied(error) };
        return;
      }
    }
  }

  /**
   * Compares what is stored with what must be; returns what is wrong, and takes the document ids that it knows out of
   * `strange`. Afterwards what is stored counts as known.
   */
  check(own: Stored, appended: Stored, strange: { own: Set<bigint>; appended: Set<bigint> }): string[] {
    const problems: string[] = [];
    const call = this.#unanswered;
    this.#unanswered = undefined;
    const wanted = new Map<bigint, string | undefined>();
    for (const { id, kind, json, fails } of call?.mutations ?? []) {
      if (kind !== "append" && fails === undefined) wanted.set(id, kind === "delete" ? undefined : json);
    }
    let applied = 0;
    let left = 0;
    for (let i = 1; i <= ownDocuments; i++) {
      const id = this.#id(i);
      strange.own.delete(id);
      const [before, now] = [this.#own.get(id), own.get(id)];
      if (now?.json === before?.json && (now === undefined || now.version === before?.version)) {
        if (wanted.has(id)) left++;
      } else if (call?.possible && wanted.has(id) && now?.json === wanted.get(id)) applied++;
      else problems.push(`document ${id}: expected ${shown(before)}, found ${shown(now)}`);
      if (now === undefined) this.#own.delete(id);
      else this.#own.set(id, { json: now.json, version: now.version });
      this.#see(now?.version ?? 0n);
    }
    for (const [id, before] of this.#appended) {
      const now = appended.get(id);
      strange.appended.delete(id);
      if (now?.json !== before.json || now.version !== before.version) {
        problems.push(`appended document ${id}: expected ${shown(before)}, found ${shown(now)}`);
      }
    }
    // An appended document without an answer has an id that only the server knows.
    const unknown = [...strange.appended].map((id) => appended.get(id)).filter((document) => document !== undefined);
    for (const { kind, json } of call?.mutations ?? []) {
      if (kind !== "append") continue;
      const [found, ...more] = unknown.filter((document) => document.json === json);
      if (more.length > 0) problems.push(`${json.slice(0, 60)} was appended ${more.length + 1} times`);
      if (found === undefined) {
        left++;
        continue;
      }
      applied++;
      if (!call?.possible) problems.push(`${json.slice(0, 60)} was stored though the client said it wasn't`);
      strange.appended.delete(found.id);
      this.#appended.set(found.id, found);
      this.#see(found.version);
    }
    if (call?.atomic && applied > 0 && left > 0) {
      problems.push(`an atomic batch was applied in part: ${applied} of its mutations, and not ${left}`);
    }
    return problems.map((problem) => `writer ${this.#number}: ${problem}`);
  }

  async #single(db: Database, mutation: Mutation): Promise<void> {
    const { kind, id, json, fails } = mutation;
    const [own, appended] = collectionsOf(db);
    let stamp: DocumentStamp | undefined;
    try {
      if (kind === "append") stamp = await appended.create(jsonText(json));
      else if (kind === "create") stamp = await own.create(jsonText(json), { id });
      else if (kind === "delete") stamp = await own.delete(id);
      else stamp = await own.update(id, jsonText(json), { allowMissing: kind === "upsert" });
    } catch (error) {
      if (error instanceof DocDBError && error.code === fails) return;
      throw error;
    }
    this.#learn(mutation, stamp);
  }

  async #each(db: Database, mutations: readonly Mutation[]): Promise<void> {
    const results = await batchOf(db, mutations).writeEach();
    for (const [i, result] of results.entries()) {
      const mutation = mutations[i] as Mutation;
      if (result.ok) this.#learn(mutation, result.stamp);
      else if (result.error.code !== mutation.fails) throw result.error;
    }
  }

  async #atomic(db: Database, mutations: readonly Mutation[]): Promise<void> {
    const failing = mutations.find(({ fails }) => fails !== undefined);
    let stamps: (DocumentStamp | undefined)[];
    try {
      stamps = await batchOf(db, mutations).commit();
    } catch (error) {
      if (failing !== undefined && error instanceof DocDBError && error.code === failing.fails) return;
      throw error;
    }
    for (const [i, stamp] of stamps.entries()) this.#learn(mutations[i] as Mutation, stamp);
  }

  /** Notes what was acknowledged. */
  #learn({ kind, id, json, fails }: Mutation, stamp: DocumentStamp | undefined): void {
    if (fails !== undefined || stamp === undefined) throw new Error(`${kind} ${id} succeeded, and had to fail`);
    if (stamp.version <= this.#floor) throw new Error(`version ${stamp.version} was used before`);
    this.#see(stamp.version);
    if (kind === "append") this.#appended.set(stamp.id, { json, version: stamp.version });
    else if (kind === "delete") this.#own.delete(id);
    else this.#own.set(id, { json, version: stamp.version });
  }

  #see(version: bigint): void {
    if (version > this.#greatestVersion) this.#greatestVersion = version;
  }

  /** One to eight mutations of different documents. A few are such that they must fail. */
  #choose(): Mutation[] {
    const count = Math.random() < 0.5 ? 1 : 2 + Math.floor(Math.random() * 7);
    const ids = new Set(Array.from({ length: count }, () => this.#id(1 + Math.floor(Math.random() * ownDocuments))));
    const mustFail = Math.random() < 0.1 ? [...ids][0] : undefined;
    return Array.from(ids, (id): Mutation => {
      const json = this.#text();
      const exists = this.#own.has(id);
      if (id === mustFail) {
        return exists
          ? { kind: "create", id, json, fails: "DOCUMENT_EXISTS" }
          : { kind: "update", id, json, fails: "DOCUMENT_NOT_FOUND" };
      }
      const chance = Math.random();
      if (chance < 0.2) return { kind: "append", id: 0n, json, fails: undefined };
      if (chance < 0.5) return { kind: "upsert", id, json, fails: undefined };
      if (!exists) return { kind: "create", id, json, fails: undefined };
      return { kind: chance < 0.75 ? "update" : "delete", id, json, fails: undefined };
    });
  }

  /** A text that no other mutation writes. */
  #text(): string {
    const fill = "x".repeat(Math.floor(Math.random() * largestFill));
    return `{"writer":${this.#number},"step":${++this.#step},"big":18446744073709551615,"fill":"${fill}"}`;
  }

  #id(i: number): bigint {
    return BigInt(this.#number * 1_000 + i);
  }
}

function collectionsOf(db: Database): [Collection<JsonText>, Collection<JsonText>] {
  return [db.collection(), db.collection("appended")];
}

function batchOf(db: Database, mutations: readonly Mutation[]): ReturnType<Database["batch"]> {
  const [own, appended] = collectionsOf(db);
  const batch = db.batch();
  for (const { kind, id, json } of mutations) {
    if (kind === "append") batch.create(appended, jsonText(json));
    else if (kind === "create") batch.create(own, jsonText(json), { id });
    else if (kind === "delete") batch.delete(own, id);
    else batch.update(own, id, jsonText(json), { allowMissing: kind === "upsert" });
  }
  return batch;
}

function shown(known: Known | undefined): string {
  return known === undefined ? "nothing" : `version ${known.version}, ${known.json.slice(0, 60)}`;
}
