// Meters of databases: their number is bounded, whatever clients do.

import test from "ava";
import { DatabaseMeters, maxDatabaseMeters, otherDatabases } from "../../src/telemetry/call-meters.ts";

/** Databases are those whose names begin with a d, and are called in lower case. */
function nameOf(database: string): string | undefined {
  return /^d/i.test(database) ? database.toLowerCase() : undefined;
}

test("a database has one meter, however its name is written", (t) => {
  const meters = new DatabaseMeters(nameOf);
  t.is(meters.of("D1"), meters.of("d1"));
  t.deepEqual([...meters.all.keys()], ["d1", otherDatabases]);
});

test("what isn't a database, and databases past the bound, share a meter", (t) => {
  const meters = new DatabaseMeters(nameOf);
  const other = meters.of("nothing of this name");
  for (let i = 0; i < maxDatabaseMeters; i++) t.not(meters.of(`d${i}`), other);
  t.is(meters.of("d-late"), other);
  t.is(meters.labelOf("d-late"), otherDatabases);
  t.is(meters.labelOf("d0"), "d0");
  t.is(meters.all.size, maxDatabaseMeters + 1);
});

test("a deleted database makes room for another, and has a new meter when it is made again", (t) => {
  const meters = new DatabaseMeters(nameOf);
  const first = meters.of("d0");
  for (let i = 1; i < maxDatabaseMeters; i++) meters.of(`d${i}`);
  meters.forget("d0");
  t.is(meters.labelOf("d-late"), "d-late");
  t.not(meters.of("d0"), first);
});
