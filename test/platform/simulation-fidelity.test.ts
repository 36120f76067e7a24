// The simulated file system answers as the real one: the same calls, drawn from a seed, give the same results and the
// same errors on both.

import test from "ava";
import type { File, FileSystem } from "../../src/platform/platform.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { codeOf, machines } from "./machines.ts";

const names = ["a", "b", "c", "d/a", "d/b", "e/f/a", "d", "e/f"] as const;

test("random calls have the same answers on the real and the simulated file system", async (t) => {
  let answered = 0;
  for (let seed = 0; seed < 20; seed++) {
    const histories: string[][] = [];
    for (const onFreshMachine of Object.values(machines)) {
      await onFreshMachine(async ({ platform, directory }) => {
        histories.push(await history(platform.fs, directory, new Prng(seed)));
      });
    }
    t.deepEqual(histories[1], histories[0], `seed ${seed}`);
    answered += histories[0]?.filter((line) => !/=> E[A-Z]+$/.test(line)).length ?? 0;
  }
  t.true(answered > 1_000, `only ${answered} calls succeeded`);
});

async function history(fs: FileSystem, directory: string, random: Prng): Promise<string[]> {
  const lines: string[] = [];
  const open: File[] = [];
  const note = async (call: string, answer: Promise<unknown>): Promise<void> => {
    const code = await codeOf(answer);
    lines.push(`${call} => ${code === "none" ? JSON.stringify(await answer) : code}`);
  };
  for (let round = 0; round < 150; round++) {
    const name = random.pick(names);
    const path = `${directory}/${name}`;
    const file = open[random.below(Math.max(1, open.length))];
    switch (random.below(12)) {
      case 0:
        await note(`mkdir ${name}`, fs.mkdir(path));
        break;
      case 1:
        await note(`unlink ${name}`, fs.unlink(path));
        break;
      case 2: {
        const to = random.pick(["a", "b", "d/a", "d/b"]);
        if (await isFile(fs, path)) await note(`rename ${name} ${to}`, fs.rename(path, `${directory}/${to}`));
        break;
      }
      case 3:
        await note(`readdir ${name}`, fs.readdir(path));
        break;
      case 4:
        await note(`exists ${name}`, fs.exists(path));
        break;
      case 5:
      case 6:
      case 7: {
        const mode = random.pick<"create" | "write" | "read">(["create", "create", "write", "read"]);
        if (mode !== "create" && !(await isFile(fs, path)) && (await fs.exists(path))) break;
        const opened = fs.open(path, mode);
        await note(
          `open ${name} ${mode}`,
          opened.then((made) => void open.push(made)),
        );
        break;
      }
      case 8:
        await note(`truncate`, file?.truncate(random.below(3_000)) ?? Promise.resolve());
        break;
      case 9:
        await note(`size`, file?.size() ?? Promise.resolve());
        break;
      case 10:
        await note(
          `write`,
          file?.write(Buffer.alloc(1 + random.below(900), round), random.below(3_000)) ?? Promise.resolve(),
        );
        break;
      default:
        await note(`read`, file === undefined ? Promise.resolve() : contentOf(file));
    }
  }
  for (const file of open) await file.close();
  return lines;
}

async function isFile(fs: FileSystem, path: string): Promise<boolean> {
  return (await fs.exists(path)) && (await codeOf(fs.readdir(path))) === "ENOTDIR";
}

async function contentOf(file: File): Promise<string> {
  const target = Buffer.alloc(await file.size());
  const count = await file.read(target, 0);
  return `${count}:${target.toString("base64")}`;
}
