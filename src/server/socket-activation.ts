// Socket activation: systemd may have bound the socket already and pass it on as an open descriptor, so that clients
// can connect before the server is up, and the server needs no rights on the socket's directory. The protocol is that
// of sd_listen_fds(3): LISTEN_PID names the process that is meant, LISTEN_FDS says how many descriptors there are, from
// 3.

import { DocDBError } from "../base/errors.ts";

const firstDescriptor = 3;

/** The descriptor of the socket that this process was given, if it was. INVALID_SETTING when it was given several. */
export function inheritedSocket(env: NodeJS.ProcessEnv, processId: number): number | undefined {
  const { LISTEN_PID: meant, LISTEN_FDS: count } = env;
  if (meant !== String(processId) || count === undefined || count === "0") return undefined;
  if (count === "1") return firstDescriptor;
  const message = `LISTEN_FDS is ${count}, but DocDB listens on one socket: give its .socket unit one ListenStream.`;
  throw new DocDBError("INVALID_SETTING", message, { metadata: { count } });
}
