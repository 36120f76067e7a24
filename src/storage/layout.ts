// Where the files of a database are, under the data directory:
//
//   data/<db>.data  data/<db>.compact (the next generation)  data/<db>.index  data/<db>.rebuilt (by docdb repair)
//   wal/<db>.wal (active)  wal/<db>.wal.N (older segments; .10 comes after .2)
//
// Names of databases have no dot in them, so a file belongs to the database before its first dot.

/** Paths of one database's files. */
export interface Layout {
  /** Name of the database. */
  readonly database: string;
  readonly dataDirectory: string;
  readonly walDirectory: string;
  readonly data: string;
  /** The next generation of the data file, while a compaction fills it. */
  readonly compact: string;
  /** A data file that `docdb repair` has written and not yet put in its place. */
  readonly rebuilt: string;
  readonly index: string;
  readonly activeSegment: string;
  /** A segment on its way to become the active one. */
  readonly nextSegment: string;
  segment(number: number): string;
}

export function layoutOf(directory: string, database: string): Layout {
  const dataDirectory = `${directory}/data`;
  const walDirectory = `${directory}/wal`;
  const wal = `${walDirectory}/${database}.wal`;
  return {
    database,
    dataDirectory,
    walDirectory,
    data: `${dataDirectory}/${database}.data`,
    compact: `${dataDirectory}/${database}.compact`,
    rebuilt: `${dataDirectory}/${database}.rebuilt`,
    index: `${dataDirectory}/${database}.index`,
    activeSegment: wal,
    nextSegment: `${wal}.new`,
    segment: (number) => `${wal}.${number}`,
  };
}

/** The database that a file belongs to, by its name. */
export function databaseOf(fileName: string): string {
  return fileName.split(".", 1)[0] ?? fileName;
}

/** Numbers of a database's older segments, ascending, from the names in the WAL directory. */
export function olderSegments(database: string, names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const [owner, kind, number, ...rest] = name.split(".");
    if (owner !== database || kind !== "wal" || rest.length > 0) continue;
    if (number !== undefined && /^[1-9][0-9]*$/.test(number)) numbers.push(Number(number));
  }
  return numbers.sort((a, b) => a - b);
}
