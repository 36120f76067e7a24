// A really small file system: a tmpfs in a mount namespace of its own, which goes away with the process that holds it,
// however that ends. It is reached from outside through /proc; a server runs inside, by `nsenter`. Takes Linux, and a
// kernel that lets us have a namespace (as root, or with user namespaces).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

export interface SmallDisk {
  /** Its root, as seen from inside. */
  readonly mountPoint: string;
  /** Its root, as seen from here. */
  readonly path: string;
  /** The command, to be followed by another one, that runs that one inside. */
  readonly enter: readonly string[];
  /** Takes all space but `leaveBytes`. */
  fill(leaveBytes?: number): void;
  /** Gives back what `fill` took. */
  free(): void;
}

/** A disk of so many bytes that goes with the test, mounted on an empty directory; or why there can be none. */
export async function smallDisk(t: ExecutionContext, mountPoint: string, bytes: number): Promise<SmallDisk | string> {
  mkdirSync(mountPoint);
  const script = `mount -t tmpfs -o size=${bytes},mode=0777 docdb-test "$0" && echo ready && exec cat`;
  const holder = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script, mountPoint], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  t.teardown(() => holder.kill("SIGKILL"));
  const failed = once(holder, "error").then(([error]) => String(error));
  const ended = once(holder, "close").then(() => "the namespace could not be made");
  let reason = "";
  holder.stderr.on("data", (chunk) => (reason += String(chunk)));
  const ready = once(holder.stdout, "data").then(() => undefined);
  const problem = await Promise.race([ready, failed, ended]);
  if (problem !== undefined) return `${problem} ${reason}`.trim();
  const path = `/proc/${holder.pid}/root${mountPoint}`;
  return existsSync(path) ? new Tmpfs(mountPoint, path, holder.pid ?? 0) : `${path} can't be reached`;
}

class Tmpfs implements SmallDisk {
  readonly mountPoint: string;
  readonly path: string;
  readonly enter: readonly string[];
  readonly #ballast: string;

  constructor(mountPoint: string, path: string, holder: number) {
    this.mountPoint = mountPoint;
    this.path = path;
    this.enter = ["nsenter", "--target", String(holder), "--user", "--mount", "--preserve-credentials", "--"];
    this.#ballast = join(path, "ballast");
  }

  fill(leaveBytes = 0): void {
    const descriptor = openSync(this.#ballast, "a");
    try {
      for (const piece of [Buffer.alloc(256 * 1024), Buffer.alloc(4096)]) while (written(descriptor, piece));
    } finally {
      closeSync(descriptor);
    }
    if (leaveBytes > 0) truncateSync(this.#ballast, Math.max(0, statSync(this.#ballast).size - leaveBytes));
  }

  free(): void {
    truncateSync(this.#ballast, 0);
  }
}

/** Whether all of it could be written; a part of it is as good as full. */
function written(descriptor: number, piece: Buffer): boolean {
  try {
    return writeSync(descriptor, piece) === piece.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
