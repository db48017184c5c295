#!/usr/bin/env node
// The `fairlead-rag` executable. Nothing else is loaded before the version of Node is known to do.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `fairlead-rag: NODE_TOO_OLD: Node ${process.versions.node} has no node:sqlite; install Node 22.19 or newer.\n`,
  );
  process.exitCode = 1;
} else {
  const { runServer } = await import("./server/run.ts");
  process.exitCode = await runServer(process.argv.slice(2));
}
