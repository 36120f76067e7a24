// What is said about versions of Node.js.

import test from "ava";
import { adviceOnNode } from "../../src/server/node-version.ts";

test("a version of Node with known holes is named, and the one to run instead", (t) => {
  t.is(
    adviceOnNode("26.10.0"),
    "Node.js 26.10.0 has known holes in HTTP/2 that 26.13.1 closed: run that or a later one",
  );
  for (const old of ["25.99.9", "26.0.0", "26.9.5", "26.13.0", "26.13.0-nightly"]) t.truthy(adviceOnNode(old), old);
});

test("nothing is said about a version without known holes", (t) => {
  for (const sound of ["26.13.1", "26.13.2", "26.14.0", "27.0.0", "100.1.0"]) t.is(adviceOnNode(sound), undefined);
});
