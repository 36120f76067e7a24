// Messages that are long because they hold a long list are decoded and encoded over several turns of the event loop.
// Protobuf makes that simple: bytes of messages that stand one behind the other are one message, whose lists are those
// of all of them. https://protobuf.dev/programming-guides/encoding/#last-one-wins

import { ProtobufReader } from "../base/protobuf-reader.ts";
import type { Pieces, Turn } from "../platform/turn.ts";

/** Bytes of a request that are decoded in one piece. */
const bytesInPiece = 32 * 1024;
/** Items of a list that are handled in one piece. */
const itemsInPiece = 128;

/** Whether a request of so many bytes takes so long to decode that it should be cut up. */
export function isLongRequest(bytes: number): boolean {
  return bytes > 8 * bytesInPiece;
}

/** What `decode` makes of a request. */
export function* decodedInPieces<Request>(decode: (bytes: Buffer) => Request, bytes: Buffer): Pieces<Request> {
  const reader = new ProtobufReader(bytes);
  let whole: Request | undefined;
  let start = 0;
  while (reader.position < bytes.length) {
    reader.skip(reader.number());
    if (reader.position - start < bytesInPiece && reader.position < bytes.length) continue;
    const part = decode(bytes.subarray(start, reader.position));
    if (whole === undefined) whole = part;
    else addTo(whole as Record<string, unknown>, part as Record<string, unknown>);
    start = reader.position;
    yield;
  }
  return whole ?? decode(bytes);
}

/** Whether a response has a long list and nothing else. */
export function isLongResponse(response: unknown): boolean {
  return longList(response) !== undefined;
}

/** What `encode` makes of a response. */
export function* encodedInPieces<Response>(encode: (message: Response) => Buffer, response: Response): Pieces<Buffer> {
  const found = longList(response);
  if (found === undefined) return encode(response);
  const { name, list } = found;
  const parts: Buffer[] = [];
  for (let from = 0; from < list.length; from += itemsInPiece) {
    if (from > 0) yield;
    parts.push(encode({ [name]: list.slice(from, from + itemsInPiece) } as Response));
  }
  return Buffer.concat(parts);
}

function longList(response: unknown): { readonly name: string; readonly list: readonly unknown[] } | undefined {
  const [field, ...others] = Object.entries(response as Record<string, unknown>);
  if (field === undefined || others.length > 0) return undefined;
  const [name, list] = field;
  return Array.isArray(list) && list.length > itemsInPiece ? { name, list } : undefined;
}

/** What `made` makes of each item, in order, over several turns. */
export async function mapInTurns<In, Out>(
  items: readonly In[],
  turn: Turn,
  made: (item: In, position: number) => Out,
): Promise<Out[]> {
  const results: Out[] = [];
  for (let i = 0; i < items.length; i++) {
    if (i > 0 && i % itemsInPiece === 0) await turn.pause();
    results.push(made(items[i] as In, i));
  }
  return results;
}

/** Lists grow, and of other fields the last one that is set counts. */
function addTo(whole: Record<string, unknown>, part: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(part)) {
    if (Array.isArray(value)) for (const item of value) (whole[name] as unknown[]).push(item);
    else if (isSet(value)) whole[name] = value;
  }
}

function isSet(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length > 0;
  return value !== undefined && value !== "" && value !== 0 && value !== 0n && value !== false;
}
