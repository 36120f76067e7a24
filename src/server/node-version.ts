// What the operator is told about the version of Node.js that the server runs on. The protocol is spoken by Node's own
// HTTP/2: its security releases are ours.
//
// https://github.com/nodejs/node/releases/tag/v26.13.1: of its fixes CVE-2026-123863, 123865, 123866, 123868 and 123875
// are in what any client of the socket reaches. docs/operations.md says what they mean here.

/** The first version without known holes that a client can use. */
const sound = [26, 13, 1] as const;

/** Advice on a version, as `process.versions.node` says it; undefined when there is none to give. */
export function adviceOnNode(version: string): string | undefined {
  const parts = version.split(".").map((part) => Number.parseInt(part, 10));
  const at = sound.findIndex((part, i) => parts[i] !== part);
  if (at < 0 || (parts[at] ?? 0) > (sound[at] ?? 0)) return undefined;
  return `Node.js ${version} has known holes in HTTP/2 that ${sound.join(".")} closed: run that or a later one`;
}
