// The commands on documents, inside a transaction. They answer as outside, but from the transaction's snapshot and its
// own writes, and what they write stays with the transaction.

import { DocDBError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import type { Clock } from "../../platform/platform.ts";
import { Turn } from "../../platform/turn.ts";
import type {
  Command,
  CommandName,
  DocumentRecord,
  DocumentStamp,
  ExecutionContext,
  Outcome,
  Result,
} from "../commands.ts";
import { atOperation, checkSize } from "../batch.ts";
import { inParallel } from "../in-parallel.ts";
import { prepareAll, prepareInTurns } from "../prepared-operation.ts";
import { requestOf, requestPieces } from "../requests/request.ts";
import type { Transaction, WriteCall } from "./transaction.ts";
import type { Transactions } from "./transactions.ts";

type DocumentCommandName =
  | "getDocument"
  | "batchGetDocuments"
  | "writeDocument"
  | "batchWrite"
  | "listDocuments"
  | "scanDocuments";

const documentCommands: ReadonlySet<CommandName> = new Set<DocumentCommandName>([
  "getDocument",
  "batchGetDocuments",
  "writeDocument",
  "batchWrite",
  "listDocuments",
  "scanDocuments",
]);

/** A command that may be part of a transaction. */
export type DocumentCommand = Command<DocumentCommandName>;

export function isDocumentCommand(command: Command): command is DocumentCommand {
  return documentCommands.has(command.op);
}

export function runInTransaction(
  transactions: Transactions,
  command: DocumentCommand,
  id: string,
  clock: Clock,
  context: ExecutionContext | undefined,
): Promise<Result> {
  return transactions.run(id, (transaction) => run(transaction, command, { clock, context }), context);
}

/** Who makes a call, and when. */
interface Call {
  readonly clock: Clock;
  readonly context: ExecutionContext | undefined;
}

async function run(transaction: Transaction, command: DocumentCommand, call: Call): Promise<Result> {
  switch (command.op) {
    case "getDocument":
      return await transaction.get(command.collection, command.id);
    case "batchGetDocuments":
      return { outcomes: await batchGet(transaction, command.collection, command.ids) };
    case "listDocuments":
      return await transaction.list(command.collection, command.after, command.pageSize);
    case "scanDocuments": {
      const { from, reverse, pageSize: documents, pageBytes: bytes } = command;
      return await transaction.scan(command.collection, { from, reverse, documents, bytes });
    }
    case "writeDocument": {
      const { operation, requestId } = command;
      const writing = writingOf(call);
      const stamps = await transaction.requests.once(requestOf(requestId, operation), async () =>
        transaction.write([await prepareInTurns(operation, writing.turn)], writing),
      );
      return stamps[0] as DocumentStamp;
    }
    case "batchWrite":
      return {
        outcomes: command.atomic
          ? await writeAtomic(transaction, command, writingOf(call))
          : await writeEach(transaction, command, writingOf(call)),
      };
  }
}

async function batchGet(
  transaction: Transaction,
  collection: string,
  ids: readonly bigint[],
): Promise<Outcome<DocumentRecord>[]> {
  let bytes = 0;
  return await inParallel(ids, async (id) => {
    const found = await transaction.get(collection, id);
    bytes += found.json.length;
    if (bytes <= limits.messageBytes) return found;
    const message = "The documents asked for don't fit into one response. Ask for fewer at once.";
    throw new DocDBError("RESPONSE_TOO_LARGE", message, { metadata: { id: String(id) } });
  });
}

type Batch = Command<"batchWrite">;

function writingOf({ clock, context }: Call): WriteCall {
  return { nowMs: clock.now(), turn: new Turn(clock), context };
}

/** All of them or none; the error says which one failed. */
async function writeAtomic(
  transaction: Transaction,
  { operations, requestId }: Batch,
  writing: WriteCall,
): Promise<Outcome<DocumentStamp>[]> {
  checkSize(operations);
  const { turn } = writing;
  const request = await turn.run(requestPieces(requestId, operations));
  const prepared = await prepareAll(operations, turn);
  const stamps = await transaction.requests.once(request, () =>
    transaction.write(prepared, { ...writing, explain: atOperation }),
  );
  return stamps.map((value) => ({ ok: true, value }));
}

async function writeEach(
  transaction: Transaction,
  { operations, requestId }: Batch,
  writing: WriteCall,
): Promise<Outcome<DocumentStamp>[]> {
  checkSize(operations);
  const { turn } = writing;
  const outcomes: Outcome<DocumentStamp>[] = [];
  for (const [position, operation] of operations.entries()) {
    try {
      const [value] = await transaction.requests.once(requestOf(requestId, operation, position), async () =>
        transaction.write([await prepareInTurns(operation, turn)], writing),
      );
      outcomes.push({ ok: true, value: value as DocumentStamp });
    } catch (error) {
      if (!(error instanceof DocDBError)) throw error;
      outcomes.push({ ok: false, error });
    }
    await turn.pause();
  }
  return outcomes;
}
