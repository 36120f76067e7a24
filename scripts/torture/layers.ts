// Every layer of the proof, in the order in which the torture does them: quick ones first. What a run of each does is
// in test/; a new suite gets its line here.

import { runFuzz } from "../../test/fuzz/fuzz-run.ts";
import { runHistory } from "../../test/isolation/server-history.ts";
import { runRepairTrial } from "../../test/offline/repair-trial.ts";
import { runDecoders } from "../../test/storage/hostile-bytes.ts";
import { runModel } from "../../test/model/model-run.ts";
import { huntDefect, plantable } from "../../test/simulation/defect-hunt.ts";
import { runTrial } from "../../test/simulation/damage-trial.ts";
import { runEveryPoint } from "../../test/simulation/every-point.ts";
import { runRequests } from "../../test/simulation/request-run.ts";
import { runSeed } from "../../test/simulation/simulated-run.ts";
import { runTrimRace } from "../../test/simulation/trim-race-run.ts";
import { runSilentFaults } from "../../test/simulation/silent-faults-run.ts";
import { killLayer } from "./kill-layer.ts";
import type { Layer } from "./layer.ts";

/** Sequences of commands that a run of the model draws. */
const sequencesEach = 100;

export const layers: readonly Layer[] = [
  {
    name: "planted-bugs",
    unit: "defects",
    size: plantable.length,
    portion: 1,
    run: async (number) => {
      await huntDefect(plantable[(number - 1) % plantable.length] as (typeof plantable)[number]);
      return { caught: 1 };
    },
  },
  {
    name: "bit-flips",
    unit: "trials",
    size: 10_000,
    portion: 250,
    run: async (number) => ({ [await runTrial(number)]: 1 }),
  },
  {
    name: "repair",
    unit: "trials",
    size: 10_000,
    portion: 50,
    run: async (number) => ({ [await runRepairTrial(number)]: 1 }),
  },
  {
    name: "trim-race",
    unit: "seeds",
    size: 10_000,
    portion: 250,
    run: async (number) => {
      await runTrimRace(number);
      return {};
    },
  },
  {
    name: "decoders",
    unit: "rounds",
    size: 100_000,
    portion: 1_000,
    run: async (number) => ({ inputs: await runDecoders(number) }),
  },
  {
    name: "model",
    unit: `times ${sequencesEach} sequences`,
    size: 100_000 / sequencesEach,
    portion: 10,
    run: async (number) => {
      await runModel(number, sequencesEach);
      return { sequences: sequencesEach };
    },
  },
  {
    name: "silent-faults",
    unit: "seeds",
    size: 50_000,
    portion: 250,
    run: async (number) => await runSilentFaults(number),
  },
  {
    name: "requests",
    unit: "seeds",
    size: 50_000,
    portion: 100,
    run: async (number) => ({ ...(await runRequests(number)) }),
  },
  {
    name: "exhaustive",
    unit: "workloads",
    size: 500,
    portion: 1,
    run: async (number) => ({ points: await runEveryPoint(number) }),
  },
  {
    name: "simulation",
    unit: "seeds",
    size: 100_000,
    portion: 250,
    run: async (number) => {
      const { crashes, faults } = await runSeed(number);
      return { crashes, faults };
    },
  },
  {
    name: "isolation",
    unit: "histories",
    size: 1_000,
    portion: 5,
    run: (number) => runHistory(number),
  },
  {
    name: "fuzz",
    unit: "servers",
    size: 500,
    portion: 1,
    run: (number) => runFuzz({ seed: number, steps: 250 }),
  },
  killLayer,
];
