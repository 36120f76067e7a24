// A first session with DocDB. Start a server with `npm start`, then run `npm run example`, or
// `npm run example -- /path/of/docdb.sock` when it listens elsewhere.

import { connect, DocDBError, jsonText } from "docdb/client";

interface User {
  name: string;
  born: number;
  languages?: string[];
}

const socket = process.argv[2] ?? "/tmp/docdb.sock";

// The connection closes by itself at the end of the block.
await using db = await connect({ socket, database: "example", createIfMissing: true });
await db.collections.create("users").catch((error: unknown) => {
  if (!(error instanceof DocDBError && error.code === "COLLECTION_EXISTS")) throw error;
});
const users = db.collection<User>("users");

// The server assigns an id; what comes back is durable.
const { id } = await users.create({ name: "Ada Lovelace", born: 1815 });
console.log(`created user ${id}`);

const ada = await users.getOrThrow(id);
console.log(`${ada.value.name} was born in ${ada.value.born}; version ${ada.version}`);

// Change only what you have read: somebody else may have been faster.
await users.update(id, { ...ada.value, languages: ["notes"] }, { ifVersion: ada.version });
try {
  await users.update(id, { name: "Somebody else", born: 0 }, { ifVersion: ada.version });
} catch (error) {
  if (!(error instanceof DocDBError && error.code === "VERSION_MISMATCH")) throw error;
  console.log(`the second update came too late: ${error.code}`);
}

// All or nothing.
const [grace, alan] = await db
  .batch()
  .create(users, { name: "Grace Hopper", born: 1906 })
  .create(users, { name: "Alan Turing", born: 1912 })
  .commit();
console.log(`one commit, version ${grace?.version} and ${alan?.version}`);

for await (const user of users.list()) console.log(`${user.id}: ${user.value.name}`);

// Documents are kept byte for byte: what JavaScript's numbers can't hold survives as text.
const measurements = db.collection();
const exact = '{"count":18446744073709551615,"ratio":1.0,"huge":1e400}';
const stored = await measurements.create(jsonText(exact));
const { json } = await measurements.getOrThrow(stored.id);
console.log(json === exact ? `kept exactly: ${json}` : `changed: ${json}`);

for await (const user of users.list()) await users.delete(user.id);
await db.client.databases.drop("example");
