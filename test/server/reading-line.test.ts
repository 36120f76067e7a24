// Which connections aren't read while queues are long, and when they are again, with connections that only note it.

import test from "ava";
import { ReadingLine, type Stoppable } from "../../src/server/reading-line.ts";

class NotedConnection implements Stoppable {
  streams = 10;
  mustBeRead = false;
  isRead = true;

  stopReading(): void {
    this.isRead = false;
  }

  readOn(): void {
    this.isRead = true;
  }
}

function lineWith(rooms: Record<string, number>, count: number) {
  const line = new ReadingLine({ roomFor: (database) => rooms[database] ?? 0 });
  const connections = Array.from({ length: count }, () => new NotedConnection());
  const read = (): string => connections.map(({ isRead }) => (isRead ? "r" : "-")).join("");
  return { line, connections, read };
}

test("a connection with several calls waits when a queue is long; one with few calls doesn't", (t) => {
  const { line, connections, read } = lineWith({}, 3);
  const [first, second, third] = connections as [NotedConnection, NotedConnection, NotedConnection];
  second.streams = 2;
  third.mustBeRead = true;
  for (const connection of [first, second, third]) line.crowded(connection, "d", 0);
  t.is(read(), "-rr");
  t.is(line.size, 1);
  t.true(line.has(first));
  t.false(line.has(second));
});

test("those that wait are read again in their order, as many as there is room for what they may bring", (t) => {
  const rooms = { d: 0 };
  const { line, connections, read } = lineWith(rooms, 4);
  for (const connection of connections) line.crowded(connection, "d", 0);
  line.look();
  t.is(read(), "----");
  rooms.d = 15;
  line.look();
  t.is(read(), "rr--");
  rooms.d = 1;
  line.look();
  t.is(read(), "rrr-");
  line.look();
  t.is(read(), "rrrr");
  t.true(line.isEmpty);
});

test("who waits for one database doesn't wait for another one", (t) => {
  const rooms = { full: 0, free: 1 };
  const { line, connections, read } = lineWith(rooms, 2);
  line.crowded(connections[0] as NotedConnection, "full", 0);
  line.crowded(connections[1] as NotedConnection, "free", 0);
  line.look();
  t.is(read(), "-r");
});

test("a connection that is read before its time is stopped again and keeps its place", (t) => {
  const rooms = { d: 0 };
  const { line, connections, read } = lineWith(rooms, 2);
  const [first, second] = connections as [NotedConnection, NotedConnection];
  for (const connection of connections) line.crowded(connection, "d", 0);
  first.readOn();
  line.crowded(first, "d", 1);
  t.is(read(), "--");
  rooms.d = 1;
  line.look();
  t.true(first.isRead);
  t.false(second.isRead);
});

test("nobody waits for more than ten seconds, nor when the client has to make room for an answer", (t) => {
  const { line, connections, read } = lineWith({}, 3);
  const [first, second, third] = connections as [NotedConnection, NotedConnection, NotedConnection];
  line.crowded(first, "d", 0);
  line.crowded(second, "d", 5_000);
  line.crowded(third, "d", 5_000);
  line.lookAtAll(9_999);
  t.is(read(), "---");
  third.mustBeRead = true;
  line.lookAtAll(10_000);
  t.is(read(), "r-r");
});

test("a connection that is closed is forgotten", (t) => {
  const { line, connections } = lineWith({}, 1);
  const [only] = connections as [NotedConnection];
  line.crowded(only, "d", 0);
  line.forget(only);
  t.false(line.has(only));
  line.lookAtAll(20_000);
  t.false(only.isRead);
});
