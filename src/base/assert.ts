// Assertions for programmer errors: a broken invariant must stop the work before it reaches the disk.

/** Thrown when an invariant of the program does not hold; always a defect, never the fault of a request. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws an `AssertionError` unless `condition` holds. The message says which invariant broke. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
