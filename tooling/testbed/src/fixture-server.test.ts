import { writeFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  type CallToolResult,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it } from "vitest";
import {
  fixtureServerPath,
  freePort,
  isAlive,
  readLedger,
  type StartedProcess,
  startProcess,
} from "./index.ts";
import { createRawClient } from "./raw-client.ts";
import { tempDir } from "./temp.ts";
import { waitUntil } from "./wait.ts";

interface Connected {
  readonly client: Client;
  [Symbol.asyncDispose](): Promise<void>;
}

const connectors = {
  async stdio(env: Readonly<Record<string, string>> = {}): Promise<Connected> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [fixtureServerPath, "--stdio"],
      env: { ...env },
    });
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(transport);
    return { client, [Symbol.asyncDispose]: () => client.close() };
  },
  async http(env: Readonly<Record<string, string>> = {}): Promise<Connected> {
    const { server, url } = await startHttp(env);
    const client = new Client({ name: "test", version: "1.0.0" });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
    return {
      client,
      async [Symbol.asyncDispose]() {
        await client.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};

async function startHttp(
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly server: StartedProcess; readonly url: string }> {
  const server = await startProcess({ command: process.execPath, args: [fixtureServerPath, "--http"], env });
  const [, url = ""] = await server.waitForLine(/^listening on (\S+)$/);
  return { server, url };
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}): Promise<string> {
  const result = (await client.callTool({ name, arguments: args })) as CallToolResult;
  const [first] = result.content;
  return first?.type === "text" ? first.text : JSON.stringify(result);
}

describe.each(["stdio", "http"] as const)("the fixture over %s", (transport) => {
  const connect = connectors[transport];

  it("serves its tools with their annotations, resources, a template, a prompt and a completion", async () => {
    await using connected = await connect({ FIXTURE_EXTRA_TOOLS: "a.b,c" });
    const { client } = connected;
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "echo",
      "append",
      "lookup",
      "slow",
      "log",
      "big",
      "add_tool",
      "remove_tool",
      "crash",
      "a.b",
      "c",
    ]);
    const annotations = Object.fromEntries(tools.map((tool) => [tool.name, tool.annotations]));
    expect(annotations["append"]).toBeUndefined();
    expect(annotations["echo"]).toEqual({ readOnlyHint: true });
    expect(annotations["lookup"]).toEqual({ readOnlyHint: true, idempotentHint: true });
    expect(await call(client, "echo", { nonce: "n1" })).toBe("n1");
    expect(await call(client, "echo", { nonce: "n1", message: "m" })).toBe("m");
    expect(await call(client, "a.b", { nonce: "n2" })).toBe("a.b n2");
    expect(await call(client, "big", { bytes: 100_000 })).toHaveLength(100_000);

    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(["fixture://greeting", "fixture://bytes"]);
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(["fixture://item/{id}"]);
    const { contents } = await client.readResource({ uri: "fixture://item/7" });
    expect(contents).toEqual([{ uri: "fixture://item/7", mimeType: "text/plain", text: "item 7" }]);
    await expect(client.readResource({ uri: "fixture://nothing" })).rejects.toMatchObject({ code: -32002 });
    const { messages } = await client.getPrompt({ name: "greet", arguments: { name: "Ada" } });
    expect(messages).toEqual([{ role: "user", content: { type: "text", text: "Say hello to Ada." } }]);
    const { completion } = await client.complete({
      ref: { type: "ref/prompt", name: "greet" },
      argument: { name: "name", value: "a" },
    });
    expect(completion.values).toEqual(["Ada", "Alan"]);
  });

  it("pages every list by FIXTURE_PAGE_SIZE and refuses a foreign cursor", async () => {
    await using connected = await connect({ FIXTURE_PAGE_SIZE: "4" });
    const { client } = connected;
    const names: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await client.listTools({ cursor });
      names.push(...page.tools.map(({ name }) => name));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== undefined);
    expect(pages).toBe(3);
    expect(new Set(names).size).toBe(9);
    await expect(client.listTools({ cursor: "bm9wZQ" })).rejects.toMatchObject({ code: -32602 });
  });

  it("records in the ledger what was executed and what was cancelled", async () => {
    await using dir = await tempDir();
    const ledger = dir.file("ledger");
    await using connected = await connect({ FIXTURE_LEDGER: ledger });
    const { client } = connected;
    await call(client, "append", { nonce: "a", delayMs: 1 });
    await call(client, "append", { nonce: "a" });
    await call(client, "lookup", { nonce: "b" });
    const abort = new AbortController();
    const steps: number[] = [];
    const cancelled = client.callTool(
      { name: "slow", arguments: { nonce: "c", delayMs: 60_000, steps: 6000 } },
      undefined,
      {
        signal: abort.signal,
        onprogress: ({ progress }) => {
          steps.push(progress);
          if (progress === 2) abort.abort();
        },
      },
    );
    await expect(cancelled).rejects.toThrow();
    await waitUntil(() => readLedger(ledger).cancelled.has("c"), {
      what: "the cancelled call in the ledger",
    });
    expect(steps).toEqual([1, 2]);
    const { counts, entries } = readLedger(ledger);
    expect([...counts]).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
    expect(entries.map(({ action }) => action)).toEqual([
      "append",
      "append",
      "lookup",
      "started",
      "cancelled",
    ]);
    expect(entries.every(({ pid }) => pid > 0 && pid !== process.pid)).toBe(true);
  });

  it("logs during a call and tells of a changed list of tools", async () => {
    await using connected = await connect();
    const { client } = connected;
    const seen: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      seen.push(params.data);
    });
    let changes = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes++;
    });
    await call(client, "log", { message: "over here" });
    expect(seen).toEqual(["over here"]);
    // Over HTTP the notification travels on the GET stream, which the SDK opens in the background.
    await waitUntil(
      async () => {
        await call(client, "add_tool", { name: "late" });
        return changes > 0;
      },
      { what: "tools/list_changed" },
    );
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("late");
    await call(client, "remove_tool", { name: "late" });
    expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("late");
  });

  it("answers initialize only once the file of FIXTURE_HANG_UNTIL exists", async () => {
    await using dir = await tempDir();
    let connected = false;
    const pending = connect({ FIXTURE_HANG_UNTIL: dir.file("go") }).then((value) => {
      connected = true;
      return value;
    });
    await using other = await connect();
    await call(other.client, "echo", { nonce: "other" });
    expect(connected).toBe(false);
    writeFileSync(dir.file("go"), "");
    await using late = await pending;
    expect(await call(late.client, "echo", { nonce: "late" })).toBe("late");
  });
});

describe("the fixture as a process", () => {
  const stdio = (env: Record<string, string> = {}): Promise<StartedProcess> =>
    startProcess({ command: process.execPath, args: [fixtureServerPath, "--stdio"], env });

  it("exits with code 1 and a reason until the file of FIXTURE_EXIT_UNTIL exists", async () => {
    await using dir = await tempDir();
    const env = { FIXTURE_EXIT_UNTIL: dir.file("go") };
    await using refused = await stdio(env);
    expect(await refused.exited).toEqual({ code: 1, signal: null });
    expect(refused.stderr()).toContain("refusing to start until");
    writeFileSync(dir.file("go"), "");
    await using started = await connectors.stdio(env);
    expect(await call(started.client, "echo", { nonce: "n" })).toBe("n");
  });

  it("ends when its stdin ends, and crashes when told to", async () => {
    await using ended = await stdio();
    ended.end();
    expect(await ended.exited).toEqual({ code: 0, signal: null });
    await using crashed = await connectors.stdio();
    await expect(call(crashed.client, "crash")).rejects.toThrow(/closed/i);
  });

  it("floods stderr before it serves", async () => {
    const bytes = 300_000;
    await using flooded = await stdio({ FIXTURE_STDERR_FLOOD: String(bytes) });
    await waitUntil(() => flooded.stderr().length === bytes, { what: "the whole flood" });
    expect(isAlive(flooded.pid)).toBe(true);
  });

  it("says which option is wrong", async () => {
    await using wrong = await stdio({ FIXTURE_PAGE_SIZE: "0" });
    expect((await wrong.exited).code).toBe(1);
    expect(wrong.stderr()).toContain('FIXTURE_PAGE_SIZE must be an integer of at least 1, got "0"');
  });

  it("listens on the port or the socket that it is given", async () => {
    await using dir = await tempDir();
    const port = await freePort();
    const socket = dir.file("s");
    await using onPort = await startProcess({
      command: process.execPath,
      args: [fixtureServerPath, "--http", "--port", String(port)],
    });
    await using onSocket = await startProcess({
      command: process.execPath,
      args: [fixtureServerPath, "--http", "--socket", socket],
    });
    await onPort.waitForLine(new RegExp(`^listening on http://127.0.0.1:${port}/mcp$`));
    await onSocket.waitForLine(/^listening on \//);
    using client = createRawClient("http://fixture/mcp", { socketPath: socket });
    await client.initialize();
    expect((await client.request("ping")).result).toEqual({});
  });
});
