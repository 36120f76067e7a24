#!/usr/bin/env node
// Starts the docdb command. Old JavaScript on purpose: a Node.js that is too old must get as far as saying so.

"use strict";

var needed = 26;
var found = process.versions.node;

if (Number(found.split(".")[0]) < needed) {
  console.error(
    "docdb needs Node.js " +
      needed +
      " or newer, and this is Node.js " +
      found +
      " (" +
      process.execPath +
      "): install a newer one, or in a clone of the repository use `npm start` and `npx docdb`, which bring their own.",
  );
  process.exit(1);
}

main().catch(function (error) {
  console.error(error);
  process.exit(1);
});

// In a clone the sources run as they are. Node.js doesn't strip types below node_modules, so an installed package runs
// what was built from them.
async function main() {
  var fs = await import("node:fs");
  var source = new URL("../src/cli/main.ts", import.meta.url);
  var installed = new URL("../dist/src/cli/main.js", import.meta.url);
  var inPackage = /[\\/]node_modules[\\/]/.test(import.meta.dirname);
  await import((!inPackage && fs.existsSync(source) ? source : installed).href);
}
