// The lock between processes: who holds it, who is refused, and what the kernel does when the holder is killed.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import test from "ava";
import { lockForProcess } from "../../../src/platform/real/process-lock.ts";
import { realPlatform } from "../../../src/platform/real/real-platform.ts";
import { codeOf } from "../machines.ts";

const lockModule = new URL("../../../src/platform/real/process-lock.ts", import.meta.url).href;

/** A process that takes the lock, says "held", and then does nothing until it is killed. */
async function holder(path: string): Promise<ChildProcess> {
  const program = `
    import { lockForProcess } from ${JSON.stringify(lockModule)};
    lockForProcess(${JSON.stringify(path)});
    process.stdout.write("held");
    setInterval(() => globalThis.gc?.(), 10);
  `;
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await once(child.stdout, "data");
  if (String(said) !== "held") throw new Error(`The holder said ${said}.`);
  return child;
}

test("another process is refused at once, and gets the lock as soon as the holder is killed", async (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-lock-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const path = `${directory}/LOCK`;
  const child = await holder(path);
  t.teardown(() => child.kill("SIGKILL"));

  const started = performance.now();
  t.is(await codeOf(realPlatform().fs.lock(path)), "ELOCKED");
  t.true(performance.now() - started < 500, "the refusal took its time");
  // The holder collects garbage all the time: a lock that only a local variable kept would be gone by now.
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(await codeOf(realPlatform().fs.lock(path)), "ELOCKED");

  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await realPlatform().fs.lock(path);
  t.deepEqual(fs.readdirSync(directory), ["LOCK"]);
  t.is(fs.statSync(path).size, 0);
  t.is(fs.statSync(path).mode & 0o777, 0o600);
  await lock.release();
});

test("a process that is refused doesn't take the lock from its holder by closing the file", async (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-lock-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const path = `${directory}/LOCK`;
  const lock = lockForProcess(path);
  t.throws(() => lockForProcess(path), { code: "ELOCKED" });
  t.throws(() => lockForProcess(path), { code: "ELOCKED" });
  // POSIX drops a process's record locks when it closes any descriptor of the file: only another process can tell.
  await t.throwsAsync(
    async () => {
      const child = spawn(process.execPath, [
        "--input-type=module",
        "-e",
        `import { lockForProcess } from ${JSON.stringify(lockModule)}; lockForProcess(${JSON.stringify(path)});`,
      ]);
      const [code] = await once(child, "exit");
      if (code !== 0) throw new Error("refused");
    },
    { message: "refused" },
  );
  await lock.release();
});

test("a file with other content is refused and left alone", (t) => {
  const directory = fs.mkdtempSync(`${tmpdir()}/docdb-lock-`);
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const path = `${directory}/LOCK`;
  fs.writeFileSync(path, "this is somebody's diary, and not a lock".repeat(100));
  t.throws(() => lockForProcess(path), { code: "EINVAL" });
  t.true(fs.readFileSync(path, "utf8").startsWith("this is somebody's diary"));
  t.deepEqual(fs.readdirSync(directory), ["LOCK"]);
});
