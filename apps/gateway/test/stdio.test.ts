// The gateway as a stdio server, as an IDE starts it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { childrenOf, isAlive, startProcess, tempDir, waitUntil } from "@fairlead/testbed";
import { Client as ModernClient } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nodeArguments, stdioFixture } from "./gateway.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
let command: { command: string; args: string[] };

beforeAll(async () => {
  directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  await writeFile(
    file,
    JSON.stringify({ pools: { one: { upstreams: [stdioFixture()] }, two: { upstreams: [stdioFixture()] } } }),
  );
  command = { command: process.execPath, args: nodeArguments(file, "--stdio") };
});
afterAll(() => directory[Symbol.asyncDispose]());

it("serves the v1 SDK: everything is there when it lists for the first time", async () => {
  const client = new LegacyClient({ name: "test", version: "1.0.0" });
  await client.connect(new LegacyStdio({ ...command, stderr: "ignore" }));
  try {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["one__echo", "two__echo"]));
    const progress: number[] = [];
    const result = await client.callTool(
      { name: "two__slow", arguments: { nonce: "n", delayMs: 100, steps: 3 } },
      undefined,
      {
        onprogress: (step) => progress.push(step.progress),
      },
    );
    expect(result["content"]).toEqual([{ type: "text", text: "n" }]);
    // The SDK forgets a request before it has handed out a notification that came in the same chunk as the answer.
    expect(progress.slice(0, 2)).toEqual([1, 2]);
    // Log messages reach the only client there is.
    await client.callTool({ name: "one__log", arguments: { message: "hello" } });
  } finally {
    await client.close();
  }
});

it("serves the v2 SDK pinned to 2026-07-28", async () => {
  const client = new ModernClient(
    { name: "test", version: "1.0.0" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  await client.connect(new ModernStdio({ ...command, stderr: "ignore" }));
  try {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain("one__echo");
    const { content } = await client.callTool({ name: "one__echo", arguments: { message: "modern" } });
    expect(content).toEqual([{ type: "text", text: "modern" }]);
  } finally {
    await client.close();
  }
});

it("prints nothing but messages on stdout, and ends with its input, children and all", async () => {
  await using gateway = await startProcess(command);
  gateway.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
  await gateway.waitForLine(/^\{"jsonrpc":"2.0","id":1,"result":\{\}\}$/, 30_000);
  const params = {
    name: "one__slow",
    arguments: { delayMs: 30, steps: 3 },
    _meta: { progressToken: "token" },
  };
  gateway.write(`${JSON.stringify({ jsonrpc: "2.0", id: "call", method: "tools/call", params })}\n`);
  await gateway.waitForLine(/"id":"call"/);
  const messages = gateway.stdout().trim().split("\n");
  expect(messages.map((line) => (JSON.parse(line) as { params?: object }).params)).toMatchObject([
    undefined,
    { progressToken: "token", progress: 1 },
    { progressToken: "token", progress: 2 },
    { progressToken: "token", progress: 3 },
    undefined,
  ]);
  const children = childrenOf(gateway.pid);
  gateway.end();
  expect((await gateway.exited).code).toBe(0);
  await waitUntil(() => !children.some(isAlive), { what: "the children to be gone" });
  for (const line of gateway.stdout().trim().split("\n"))
    expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
});
