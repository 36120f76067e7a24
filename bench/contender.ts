// What is measured: each contender does the same work its own way. A contender runs in a process of its own
// (client-process.ts), apart from its server.

/** The document that the workloads write: about 1 KiB of JSON. */
export const document: string = JSON.stringify({
  name: "Ada Lovelace",
  email: "ada@example.com",
  tags: ["mathematician", "writer"],
  address: { street: "12 St James's Square", city: "London", country: "UK" },
  active: true,
  balance: 1234.56,
  notes: "x".repeat(820),
});

/** A document of about 200 bytes. */
export const smallDocument: string = JSON.stringify({ name: "Ada Lovelace", notes: "x".repeat(160) });

/** What a contender can do. Each function does one operation, for one of the workers that run at the same time. */
export interface Contender {
  /** Loads documents with the ids 1 to `count`. */
  load(count: number, text: string): Promise<void>;
  /** Reads a document that was loaded. */
  get(id: number): Promise<void>;
  /** Stores a new document, durably. */
  readonly create?: (text: string) => Promise<void>;
  /** Stores a hundred new ones in one call. */
  readonly batch?: (text: string) => Promise<void>;
  /** Replaces a loaded document. */
  readonly update?: (id: number, text: string) => Promise<void>;
  /** Deletes the document that was created first of those that are left. */
  readonly deleteOldest?: () => Promise<void>;
  /** Reads all documents; returns how many there are. */
  readonly scan?: () => Promise<number>;
  /** Takes back what was created. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export type ContenderName = "docdb" | "docdb-unary" | "redis" | "echo" | "echo-stream";
