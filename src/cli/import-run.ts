// One import: takes elements, stores them in batches in the order in which they come, and keeps account of what failed.
// A batch isn't atomic: each document is stored or fails alone.

import { type Collection, type Database, DocDBError, mayHaveBeenApplied, type WriteResult } from "../client/index.ts";
import { type IdSource, type ImportItem, importItem } from "./import-item.ts";
import type { Element } from "./json-elements.ts";

export interface ImportSettings extends IdSource {
  /** Documents in one batch. */
  readonly batchSize: number;
  /** Replaces documents whose id exists; without it they fail. */
  readonly replace?: true;
  /** Goes on after a document that failed. */
  readonly keepGoing?: true;
}

/** An element that wasn't stored. */
export interface ImportFailure {
  readonly place: string;
  readonly error: DocDBError;
}

/** Characters of JSON after which a batch is sent, whatever it holds: far below the limit of a message. */
const batchCharacters = 4 * 1024 * 1024;

export class ImportRun {
  readonly #database: Database;
  readonly #collection: Collection<unknown>;
  readonly #settings: ImportSettings;
  readonly #report: (failure: ImportFailure) => void;
  #items: ImportItem[] = [];
  #characters = 0;
  #stored = 0;
  #failed = 0;
  #firstError: DocDBError | undefined;

  /** `report` hears of each element that wasn't stored. */
  constructor(
    database: Database,
    collection: string,
    settings: ImportSettings,
    report: (failure: ImportFailure) => void,
  ) {
    this.#database = database;
    this.#collection = database.collection(collection);
    this.#settings = settings;
    this.#report = report;
  }

  /** Documents stored so far. */
  get stored(): number {
    return this.#stored;
  }

  /** Elements that weren't stored. */
  get failed(): number {
    return this.#failed;
  }

  /** Why the first of them wasn't. */
  get firstError(): DocDBError | undefined {
    return this.#firstError;
  }

  /** Whether the import is to go on. */
  get wanted(): boolean {
    return this.#failed === 0 || this.#settings.keepGoing === true;
  }

  /** Takes an element; now and then that sends a batch. */
  async add(element: Element): Promise<void> {
    try {
      const item = importItem(element, this.#settings);
      this.#items.push(item);
      this.#characters += item.document.text.length;
    } catch (error) {
      this.fail(element.place, DocDBError.from(error));
    }
    if (this.#items.length >= this.#settings.batchSize || this.#characters >= batchCharacters) await this.flush();
  }

  /** Sends what has been taken. Rejects when the whole batch failed; the message says which elements that concerns. */
  async flush(): Promise<void> {
    const items = this.#items;
    this.#items = [];
    this.#characters = 0;
    if (items.length === 0) return;
    const batch = this.#database.batch();
    for (const { id, document } of items) {
      if (id !== undefined && this.#settings.replace === true) {
        batch.update(this.#collection, id, document, { allowMissing: true });
      } else batch.create(this.#collection, document, id === undefined ? {} : { id });
    }
    let results: WriteResult[];
    try {
      results = await batch.writeEach();
    } catch (error) {
      throw ofBatch(DocDBError.from(error), items);
    }
    for (const [i, result] of results.entries()) {
      if (result.ok) this.#stored++;
      else this.fail(items[i]?.place ?? "", result.error);
    }
  }

  /** Notes that an element wasn't stored. */
  fail(place: string, error: DocDBError): void {
    this.#failed++;
    this.#firstError ??= error;
    this.#report({ place, error });
  }
}

/** The error of a whole batch, with what it concerns. */
function ofBatch(error: DocDBError, items: readonly ImportItem[]): DocDBError {
  const range = `${items[0]?.place} to ${items.at(-1)?.place}`;
  const outcome = mayHaveBeenApplied(error) ? "may have been stored or not" : "were not stored";
  const { cause, metadata } = error;
  return new DocDBError(error.code, `${error.message} ${range} ${outcome}.`, { cause, metadata });
}
