// Calls from this process, to real servers.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  AggregatorError,
  createMultiplexer,
  type Multiplexer,
  type MultiplexerConfig,
  RpcError,
  ToolError,
} from "@fairlead/aggregator";
import { fixtureServerPath, modernFixtureServerPath, readLedger, tempDir } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(config: MultiplexerConfig): Promise<Multiplexer> {
  const multiplexer = createMultiplexer(config);
  closing.push(() => multiplexer.close());
  await multiplexer.initialize();
  return multiplexer;
}

const fixture = (env: Record<string, string> = {}) =>
  ({ transport: "stdio", command: process.execPath, args: [fixtureServerPath, "--stdio"], env }) as const;

/** A server with one tool, which does what the test says. */
async function toolServer(tool: string, call: (args: unknown) => object): Promise<string> {
  const server: Server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.writeHead(405).end();
      return;
    }
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      const { id, method, params } = JSON.parse(text) as {
        id?: number;
        method: string;
        params: { arguments?: unknown };
      };
      const results: Record<string, () => object> = {
        initialize: () => ({
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: tool, version: "1" },
        }),
        "tools/list": () => ({ tools: [{ name: tool, inputSchema: { type: "object" } }] }),
        "tools/call": () => call(params.arguments),
      };
      response.writeHead(id === undefined ? 202 : 200, { "content-type": "application/json" });
      const result = results[method]?.();
      response.end(
        id === undefined
          ? ""
          : JSON.stringify(
              result === undefined
                ? { jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }
                : { jsonrpc: "2.0", id, result },
            ),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

const textOf = (result: Record<string, unknown>): unknown =>
  (result["content"] as { text?: unknown }[])[0]?.text;

describe("executeRequest", () => {
  it("calls tools by public names, lists and reads, as clients do", async () => {
    const multiplexer = await start({ pools: [{ namespace: "fix", upstreams: [fixture()] }] });
    const echo = { method: "tools/call", params: { name: "fix__echo", arguments: { message: "hello" } } };
    expect(textOf(await multiplexer.executeRequest(echo))).toBe("hello");
    expect(textOf(await multiplexer.executeRequest(echo, 9))).toBe("hello");
    const { tools } = await multiplexer.executeRequest<{ tools: { name: string }[] }>({
      method: "tools/list",
    });
    expect(tools.map(({ name }) => name)).toContain("fix__echo");
    const own = { method: "tools/call", params: { name: "echo", arguments: { message: "own name" } } };
    expect(textOf(await multiplexer.executeRequest(own, { namespace: "fix" }))).toBe("own name");
    expect(multiplexer.getStatus().calls).toEqual({ total: 3, inFlight: 0, failed: 0 });
  });

  it("fails over as for clients, and never runs twice what may not", async () => {
    await using directory = await tempDir();
    const ledger = `${directory.path}/ledger`;
    const upstreams = [fixture({ FIXTURE_LEDGER: ledger }), fixture({ FIXTURE_LEDGER: ledger })];
    const multiplexer = await start({
      pools: [{ namespace: "fix", strategy: "round-robin", upstreams }],
    });
    const call = (name: string, nonce: string): Promise<Record<string, unknown>> =>
      multiplexer.executeRequest({
        method: "tools/call",
        params: { name: `fix__${name}`, arguments: { nonce, holdMs: 60_000 } },
      });
    const failing = call("append", "once").catch((error: unknown) => error);
    await expect.poll(() => readLedger(ledger).entries).toHaveLength(1);
    const [victim] = multiplexer.getStatus().pools[0]?.replicas.filter(({ inFlight }) => inFlight > 0) ?? [];
    process.kill(victim?.pid ?? 0, "SIGKILL");
    const error = await failing;
    expect(error).toBeInstanceOf(AggregatorError);
    expect(error).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      facts: { pool: "fix", upstream: victim?.id, outcome: "unknown" },
    });
    expect(readLedger(ledger).entries).toHaveLength(1);
  });

  it("tells errors of the protocol from those of the gateway by their class", async () => {
    const url = await toolServer("lying", () => {
      throw new Error("is not called");
    });
    const multiplexer = await start({
      pools: [
        { namespace: "up", upstreams: [{ transport: "streamable-http", url }] },
        {
          namespace: "down",
          upstreams: [{ transport: "stdio", command: "no-such-command" }],
          queueTimeoutMs: 10,
        },
      ],
    });
    const failure = (request: { method: string; params?: Record<string, unknown> }): Promise<unknown> =>
      multiplexer.executeRequest(request).catch((error: unknown) => error);
    const unknownTool = await failure({ method: "tools/call", params: { name: "up__nothing" } });
    expect(unknownTool).toBeInstanceOf(RpcError);
    expect(unknownTool).toMatchObject({ code: "RPC_ERROR", rpcCode: -32602 });
    expect(await failure({ method: "no/such/method" })).toMatchObject({ rpcCode: -32601 });
    const down = await failure({ method: "tools/call", params: { name: "down__anything" } });
    expect(down).toBeInstanceOf(AggregatorError);
    expect(down).toMatchObject({ code: "NO_SERVERS_AVAILABLE", facts: { pool: "down" } });
    const nowhere = multiplexer.executeRequest({ method: "tools/list" }, { namespace: "nowhere" });
    await expect(nowhere).rejects.toMatchObject({ code: "NO_SERVERS_AVAILABLE" });
    await multiplexer.close();
    await expect(multiplexer.executeRequest({ method: "tools/list" })).rejects.toMatchObject({
      code: "DRAINING",
    });
  });

  it.each([
    ["2025-11-25", fixtureServerPath],
    ["2026-07-28", modernFixtureServerPath],
  ])("has long answers whole, from a server of revision %s over HTTP", async (_revision, path) => {
    const server = {
      transport: "streamable-http",
      url: "http://127.0.0.1:{port}/mcp",
      command: process.execPath,
      args: [path, "--http", "--port", "{port}"],
    } as const;
    const multiplexer = await start({ pools: [{ namespace: "fix", upstreams: [server] }] });
    await expect.poll(() => multiplexer.getStatus().isHealthy, { timeout: 20_000 }).toBe(true);
    const call = { method: "tools/call", params: { name: "fix__big", arguments: { bytes: 3_000_000 } } };
    expect(textOf(await multiplexer.executeRequest(call))).toBe("x".repeat(3_000_000));
    const response = await multiplexer.fetch(
      new Request("http://anything.example/mcp", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }),
      }),
    );
    const { result } = (await response.json()) as { result: Record<string, unknown> };
    expect(textOf(result)).toBe("x".repeat(3_000_000));
  });

  it("reports progress, and cancels on the server too", async () => {
    const multiplexer = await start({ pools: [{ namespace: "fix", upstreams: [fixture()] }] });
    const seen: number[] = [];
    const controller = new AbortController();
    const running = multiplexer.executeRequest(
      {
        method: "tools/call",
        params: { name: "fix__slow", arguments: { nonce: "n", delayMs: 60_000, steps: 600 } },
      },
      {
        signal: controller.signal,
        onProgress: ({ progress }) => {
          seen.push(progress);
          if (seen.length === 2) controller.abort(new Error("enough"));
        },
      },
    );
    await expect(running).rejects.toThrow("enough");
    expect(seen).toHaveLength(2);
    await expect.poll(() => multiplexer.getStatus().pools[0]?.replicas[0]?.inFlight).toBe(0);
    const aborted = multiplexer.executeRequest({ method: "tools/list" }, { signal: controller.signal });
    await expect(aborted).rejects.toThrow("enough");
  });

  it("sends a query to the tool for queries, and answers with its content", async () => {
    const asked: unknown[] = [];
    const answer = (results: unknown[]) => (args: unknown) => {
      asked.push(args);
      return { content: [{ type: "text", text: JSON.stringify({ results }) }] };
    };
    const multiplexer = await start({
      pools: [
        {
          namespace: "g",
          upstreams: [
            { transport: "streamable-http", url: await toolServer("graph_query", answer(["graph"])) },
          ],
        },
        {
          namespace: "v",
          upstreams: [
            {
              transport: "streamable-http",
              url: await toolServer("vector_search", () => ({
                content: [],
                structuredContent: { results: ["vector"] },
              })),
            },
          ],
        },
        {
          namespace: "bad",
          upstreams: [
            {
              transport: "streamable-http",
              url: await toolServer("broken", () => ({
                isError: true,
                content: [{ type: "text", text: "no index" }],
              })),
            },
          ],
        },
      ],
    });
    const request = { query: "similar documents", maxResults: 10, threshold: 0.8 };
    expect(await multiplexer.executeRequest(request, 5)).toEqual({ results: ["vector"] });
    expect(await multiplexer.executeRequest(request, { queryTools: ["graph_query"] })).toEqual({
      results: ["graph"],
    });
    expect(asked).toEqual([request]);
    const failed = await multiplexer
      .executeRequest(request, { queryTools: ["broken"] })
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ToolError);
    expect(failed).toMatchObject({ code: "TOOL_ERROR", tool: "broken", message: "broken: no index" });
    await expect(multiplexer.executeRequest(request, { queryTools: ["absent"] })).rejects.toThrow(
      /queryTools/,
    );
  });
});
