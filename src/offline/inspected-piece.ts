// What an inspection tells of a file: one thing after the other, in the order of the file. The same shape for all kinds
// of files, so that people and programs read them alike.

/** One thing that stands in a file. */
export interface Piece {
  /** Where it starts; undefined for what isn't at one place. */
  readonly offset?: number;
  /** Bytes that it takes. */
  readonly length?: number;
  /** `header`, `damage`, or the kind of record. */
  readonly what: string;
  /** What it says, by name. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** The content that it carries; valid until the next piece is asked for. */
  readonly content?: Uint8Array;
}

/** Bytes that nothing can be made of, and why. */
export function unreadable(offset: number, length: number, why: string): Piece {
  return { offset, length, what: "damage", facts: { why } };
}

/** A stretch of bytes that is no record. */
export function damageAt(offset: number, length: number): Piece {
  return { offset, length, what: "damage", facts: { why: "no record", resumes: offset + length } };
}

/** A time for people; one that no calendar knows as the number that it is. */
export function timeOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
