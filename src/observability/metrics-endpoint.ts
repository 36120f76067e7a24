// GET /metrics over HTTP, for a Prometheus server. There is no authentication: whoever reaches the address can read the
// names and sizes of databases, but nothing that is in them.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { DocDBError } from "../base/errors.ts";
import type { Observer } from "../telemetry/observer.ts";
import { contentTypes, type TextFormat } from "./exposition.ts";

/** Where metrics are served. */
export interface MetricsAddress {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** Nobody scrapes through more connections at once. */
const maxConnections = 32;
const requestTimeoutMs = 5_000;

/** `host:port`, with an IPv6 address in brackets; undefined when the text isn't one. */
export function metricsAddress(text: string): MetricsAddress | undefined {
  const found = /^(?:\[(?<ip6>[^\]]+)\]|(?<host>[\w.-]+)):(?<port>\d{1,5})$/.exec(text);
  if (found === null) return undefined;
  const { ip6, host, port: digits } = found.groups as { ip6?: string; host?: string; port: string };
  const port = Number(digits);
  if (port > 65_535 || (ip6 !== undefined && isIP(ip6) !== 6)) return undefined;
  return { host: ip6 ?? host ?? "", port };
}

export class MetricsEndpoint {
  readonly #server: Server;
  readonly #text: (format: TextFormat) => string;

  private constructor(text: (format: TextFormat) => string) {
    this.#text = text;
    this.#server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
      this.#answer(request, response);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** Serves the text at an address. INVALID_SETTING when nobody can listen there. */
  static async listen(
    { host, port }: MetricsAddress,
    text: (format: TextFormat) => string,
    observer: Observer,
  ): Promise<MetricsEndpoint> {
    const endpoint = new MetricsEndpoint(text);
    try {
      endpoint.#server.listen(port, host);
      await once(endpoint.#server, "listening");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new DocDBError("INVALID_SETTING", `Metrics can't be served on ${host}:${port}: ${reason}.`, {
        cause: error,
      });
    }
    endpoint.#server.on("error", (error) =>
      observer.event("error", "serving metrics failed", { error: error.message }),
    );
    observer.event("info", "serving metrics", { url: endpoint.url });
    if (!isLoopback(endpoint.#address)) {
      observer.event("warn", "metrics are served to other machines, without authentication", { url: endpoint.url });
    }
    return endpoint;
  }

  /** Where the metrics are. */
  get url(): string {
    const { address, port } = this.#server.address() as { address: string; port: number };
    return `http://${isIP(address) === 6 ? `[${address}]` : address}:${port}/metrics`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  get #address(): string {
    return (this.#server.address() as { address: string }).address;
  }

  #answer({ method, url = "", headers }: IncomingMessage, response: ServerResponse): void {
    if (url.replace(/\?.*$/, "") !== "/metrics") return end(response, 404, "Metrics are at /metrics.\n");
    if (method !== "GET" && method !== "HEAD") return end(response, 405, "Only GET and HEAD work here.\n");
    const format = headers.accept?.includes("application/openmetrics-text") === true ? "openmetrics" : "prometheus";
    return end(response, 200, this.#text(format), contentTypes[format]);
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function end(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
