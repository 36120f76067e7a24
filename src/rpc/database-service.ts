// docdb.v1.DatabaseService: databases come and go.

import type { Database, DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { DatabaseState } from "../../gen/docdb/v1/database.ts";
import { limits } from "../base/limits.ts";
import type { DatabaseInfo } from "../engine/commands.ts";
import { cursorOf, nameCursor, pageScope, pageSizeOf, pageToken } from "./paging.ts";
import type { Handlers } from "./service.ts";
import { timestampOf } from "./times.ts";

/** A database's state as it is sent. */
export const stateOnWire: Readonly<Record<DatabaseInfo["state"], DatabaseState>> = {
  open: DatabaseState.OPEN,
  closed: DatabaseState.CLOSED,
  read_only: DatabaseState.READ_ONLY,
  failed: DatabaseState.FAILED,
};

const scope = pageScope("ListDatabases");

export const databaseService: Handlers<typeof DatabaseServiceService> = {
  async createDatabase({ database }, context) {
    return { database: databaseOnWire(await context.execute({ op: "createDatabase", database })) };
  },

  async openDatabase({ database, createIfMissing }, context) {
    return { database: databaseOnWire(await context.execute({ op: "openDatabase", database, createIfMissing })) };
  },

  async closeDatabase({ database }, context) {
    return { database: databaseOnWire(await context.execute({ op: "closeDatabase", database })) };
  },

  async deleteDatabase({ database }, context) {
    await context.execute({ op: "deleteDatabase", database });
    return {};
  },

  async getDatabase({ database }, context) {
    return { database: databaseOnWire(await context.execute({ op: "getDatabase", database })) };
  },

  async listDatabases(request, context) {
    const after = cursorOf(scope, request.pageToken)?.toString("utf8") ?? "";
    const pageSize = pageSizeOf(request.pageSize, limits.pageDocuments, limits.pageDocuments);
    const { items, more } = await context.execute({ op: "listDatabases", after, pageSize });
    const last = items.at(-1);
    const nextPageToken = more && last !== undefined ? pageToken(scope, nameCursor(last.database)) : "";
    return { databases: items.map(databaseOnWire), nextPageToken };
  },
};

function databaseOnWire({ database, state, stateReason, createTimeMs }: DatabaseInfo): Database {
  return { name: database, state: stateOnWire[state], stateReason, createTime: timestampOf(createTimeMs) };
}
