#!/usr/bin/env node
// The `fairlead-lmstudio` executable.
import { fileURLToPath } from "node:url";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createLmStudioClient } from "../client/client.ts";
import { optionsFromEnvironment } from "../client/environment.ts";
import { readCommand, usage } from "./arguments.ts";
import { serverOptionsFromEnvironment } from "./environment.ts";
import { serveHttp } from "./http.ts";
import { install } from "./install.ts";
import { createToolServers } from "./mcp-server.ts";
import { version } from "./version.ts";

try {
  const command = readCommand(process.argv.slice(2));
  if (command.kind === "help") process.stdout.write(usage);
  else if (command.kind === "version") process.stdout.write(`${version}\n`);
  else if (command.kind === "install") {
    const fine = await install(command, {
      env: process.env,
      program: fileURLToPath(import.meta.url),
      node: process.execPath,
      print: (line) => void process.stdout.write(`${line}\n`),
    });
    if (!fine) process.exitCode = 1;
  } else {
    for (const note of command.notes) process.stderr.write(`fairlead-lmstudio: ${note}\n`);
    const client = createLmStudioClient(optionsFromEnvironment());
    const options = { client, ...serverOptionsFromEnvironment() };
    let server: { close(): Promise<void> };
    let where: string | undefined;
    if (command.kind === "http") {
      const http = await serveHttp({ ...options, port: command.port, host: command.host, ...tokenOption() });
      where = http.url;
      server = http;
    } else {
      server = serveStdio(createToolServers(options));
      process.stdin.once("end", () => void end());
    }
    let ending: Promise<void> | undefined;
    const end = (): Promise<void> => (ending ??= server.close().then(() => client.close()));
    process.once("SIGINT", () => void end());
    process.once("SIGTERM", () => void end());
    // Said last, so that whoever reads it can end the process in order. Standard output belongs to the protocol.
    if (where !== undefined) process.stderr.write(`fairlead-lmstudio: MCP at ${where}\n`);
  }
} catch (error) {
  process.stderr.write(
    `fairlead-lmstudio: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`,
  );
  process.exitCode = 2;
}

function tokenOption(): { readonly token?: string } {
  const token = process.env["FAIRLEAD_LMSTUDIO_TOKEN"]?.trim() ?? "";
  return token === "" ? {} : { token };
}
