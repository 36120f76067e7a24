// What a run of the benchmark does, from its command line.

import { parseArgs } from "node:util";

const modes = ["figures", "soak", "fairness", "overload", "databases", "telemetry"] as const;

export type Mode = (typeof modes)[number];

export interface Settings {
  /**
   * `figures`: the table. `soak`: the mixed workload for a long time. `fairness`: databases beside each other.
   * `overload`: four times what the server can do.
   * `databases`: a thousand of them.
   * `telemetry`: what it costs to be watched.
   */
  readonly mode: Mode;
  /** Parts of names: a measurement runs when its name contains one of them; all of them with none. */
  readonly only: readonly string[];
  /** Seconds of one round of one contender. */
  readonly seconds: number;
  /** Rounds of each measurement. Contenders take turns in each. */
  readonly rounds: number;
  /** Documents of 1 KiB that reads find. */
  readonly documents: number;
  /** Documents of 200 B for the cold start. */
  readonly manyDocuments: number;
  /** Minutes of a soak. */
  readonly minutes: number;
  /** Directory for everything that is written; a temporary one by default. It decides which disk is measured. */
  readonly directory: string | undefined;
  /** Whether to show what the servers log. */
  readonly verbose: boolean;
}

export const usage = `npm run bench -- [figures | soak | fairness | overload | databases | telemetry] [options]

  --only <text>        measurements whose name contains this; may be given more than once. Names are
                       get-1, get-64, get-256, create-1, create-64, create-256, batch, mixed, scan, cold-start;
                       for telemetry get-64, get-unary, create-64, mixed
  --quick              one second, two rounds, 20,000 documents (100,000 small ones)
  --seconds <n>        seconds of a round (default 2)
  --rounds <n>         rounds (default 5)
  --documents <n>      documents of 1 KiB (default 100,000); a soak stays at that many
  --many <n>           documents of 200 B for cold-start (default 1,000,000)
  --minutes <n>        minutes of a soak (default 10)
  --directory <path>   where to write (default: a temporary directory)
  --verbose            show what the servers log`;

/** The settings, or undefined when the command line makes no sense or asks for help. */
export function settingsOf(args: readonly string[]): Settings | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: "string", multiple: true },
        quick: { type: "boolean" },
        seconds: { type: "string" },
        rounds: { type: "string" },
        documents: { type: "string" },
        many: { type: "string" },
        minutes: { type: "string" },
        directory: { type: "string" },
        verbose: { type: "boolean" },
      },
    });
    const [mode = "figures", ...rest] = positionals;
    if (rest.length > 0 || !isMode(mode)) return undefined;
    const quick = values.quick ?? false;
    return {
      mode,
      only: values.only ?? [],
      seconds: positive(values.seconds, quick ? 1 : 2),
      rounds: positive(values.rounds, quick ? 2 : 5),
      documents: positive(values.documents, quick ? 20_000 : 100_000),
      manyDocuments: positive(values.many, quick ? 100_000 : 1_000_000),
      minutes: positive(values.minutes, 10),
      directory: values.directory,
      verbose: values.verbose ?? false,
    };
  } catch {
    return undefined;
  }
}

function isMode(text: string): text is Mode {
  return (modes as readonly string[]).includes(text);
}

function positive(text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  const value = Number(text.replaceAll(",", ""));
  if (value > 0) return value;
  throw new RangeError(text);
}
