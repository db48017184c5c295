// A scripted upstream: `node fixture-server.ts --stdio | --http [--port N | --socket path]`; see fixture/options.ts
// for the switches in the environment. Over HTTP its first line on stdout is `listening on <url or socket>`.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { serveHttp } from "./fixture/http.ts";
import { readListener, readOptions } from "./fixture/options.ts";
import { createFixture } from "./fixture/server.ts";

const options = readOptions(process.env);
const listener = readListener(process.argv.slice(2));

floodStderr(options.stderrFloodBytes);
if (options.exitUntil !== undefined && !existsSync(options.exitUntil)) {
  process.stderr.write(`fixture: refusing to start until ${options.exitUntil} exists\n`);
  process.exit(1);
}

const fixture = createFixture(options);
const ready = whenAllowed(options.hangUntil);
if (listener.transport === "stdio") {
  await ready;
  await fixture.createServer().connect(new StdioServerTransport());
  // A stdio server's life ends with its client's: the SDK's transport does not look at the end of stdin.
  process.stdin.on("end", () => process.exit(0));
} else {
  console.log(`listening on ${await serveHttp(fixture, options, listener.listen, ready)}`);
}

/** Hangs as long as the file is missing, but never outlives the process that started it. */
async function whenAllowed(file: string | undefined): Promise<void> {
  const parent = process.ppid;
  while (file !== undefined && !existsSync(file)) {
    await sleep(20);
    if (process.ppid !== parent) process.exit(0);
  }
}

function floodStderr(bytes: number): void {
  const line = `${"e".repeat(1023)}\n`;
  for (let left = bytes; left > 0; left -= line.length) process.stderr.write(line.slice(-left));
}
