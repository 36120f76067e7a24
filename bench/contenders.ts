// The contenders by name. Each loads only what it needs itself, so that none pays for the others' libraries.

import type { Contender, ContenderName } from "./contender.ts";

/** Makes a contender that talks to the server on this socket. */
export async function contender(name: ContenderName, socket: string): Promise<Contender> {
  switch (name) {
    case "docdb":
    case "docdb-unary": {
      const { docdb } = await import("./docdb-contender.ts");
      return await docdb(socket, name === "docdb");
    }
    case "redis": {
      const { redis } = await import("./redis-contender.ts");
      return redis(socket);
    }
    case "echo":
    case "echo-stream": {
      const { echo } = await import("./echo-contender.ts");
      return echo(socket, name === "echo-stream");
    }
  }
}
