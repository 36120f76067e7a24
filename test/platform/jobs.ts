// Jobs to try machines with.

import { DocDBError } from "../../src/base/errors.ts";
import type { Job } from "../../src/platform/jobs.ts";

interface Letter {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export const echo: Job<Letter, Letter> = {
  module: import.meta.url,
  name: "echo",
  run: ({ text, bytes }) => ({ value: { text: `${text}!`, bytes }, transfer: [] }),
};

/** Fails as an operation does. */
export const refusing: Job<string, string> = {
  module: import.meta.url,
  name: "refusing",
  run: (input) => {
    throw new DocDBError("TEST_FAILED", `No ${input}.`, { metadata: { path: input } });
  },
};

/** Fails as a defect does. */
export const failing: Job<string, string> = {
  module: import.meta.url,
  name: "failing",
  run: (input) => {
    throw new TypeError(`failed at ${input}`);
  },
};

/** Ends the thread that it runs in. Never to be run in a process that is needed. */
export const dying: Job<string, string> = {
  module: import.meta.url,
  name: "dying",
  run: () => process.exit(3),
};

/** Takes all memory that its thread may have. */
export const hungry: Job<string, string> = {
  module: import.meta.url,
  name: "hungry",
  run: () => {
    for (const held: unknown[] = []; ; ) held.push({});
  },
};
