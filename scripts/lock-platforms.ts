// npm run lock: completes package-lock.json for platforms other than this one, after dependencies have changed.
//
// Tools with native parts come as one optional package for each platform. A registry mirror may have only those that
// its users need; npm then leaves the others out of the lock file, and `npm ci` refuses the file that npm itself wrote
// (https://github.com/npm/cli/issues/9846). An entry with a version, an operating system and a processor is all that
// `npm ci` needs to skip a package that is for another machine, and to install one that is for its own.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./run.ts";

interface LockedPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

interface LockFile {
  packages: Record<string, LockedPackage>;
}

const systems = ["aix", "android", "darwin", "freebsd", "linux", "openbsd", "openharmony", "netbsd", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

/** Optional packages of a lock file's packages that have no entry of their own, as complete entries by path. */
export function missingPlatforms(lock: LockFile): Map<string, LockedPackage> {
  const missing = new Map<string, LockedPackage>();
  for (const locked of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      if (lock.packages[path]?.version === undefined) missing.set(path, platformPackage(name, version, locked.dev));
    }
  }
  return missing;
}

/** The lock file of this repository. */
export function readLockFile(): LockFile {
  return JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as LockFile;
}

// Such packages are named for their platform: `@biomejs/cli-linux-x64-musl`.
function platformPackage(name: string, version: string, dev: boolean | undefined): LockedPackage {
  const words = name.split(/[-/]/).map((word) => word.replace(/^armv7$/, "arm").replace(/^riscv64gc$/, "riscv64"));
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`${name} isn't named for a platform`);
  const musl = words.some((word) => word.startsWith("musl"));
  const gnu = words.some((word) => word.startsWith("gnu"));
  return {
    version,
    cpu,
    ...(dev === true ? { dev } : {}),
    ...(musl || gnu ? { libc: [musl ? "musl" : "glibc"] } : {}),
    optional: true,
    os,
  };
}

if (import.meta.main) {
  const lock = readLockFile();
  const missing = missingPlatforms(lock);
  const packages = { ...lock.packages, ...Object.fromEntries(missing) };
  const sorted = Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  writeFileSync(
    join(root, "package-lock.json"),
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`,
  );
  console.log(`package-lock.json: ${missing.size} packages for other platforms added`);
}
