// The ids of transactions: when it was begun, in milliseconds, and 128 random bits, in hexadecimal digits. Nobody comes
// upon another's transaction by chance, and a server that was restarted meanwhile can still tell how old one is.

import type { Randomness } from "../../platform/platform.ts";

const timeDigits = 12;
const pattern = /^[0-9a-f]{44}$/;

export function newTransactionId(random: Randomness, nowMs: number): string {
  const part = (): string => random.u32().toString(16).padStart(8, "0");
  return `${nowMs.toString(16).padStart(timeDigits, "0")}${part()}${part()}${part()}${part()}`;
}

/** When a transaction was begun; undefined for a text that is no id of one. */
export function beginTimeOf(id: string): number | undefined {
  return pattern.test(id) ? Number.parseInt(id.slice(0, timeDigits), 16) : undefined;
}
