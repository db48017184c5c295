// Tasks of both eras, made by one of several servers and asked for through the gateway.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type MultiplexerConfig } from "@fairlead/aggregator";
import { createRawClient, everythingServer } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

async function gatewayOf(config: MultiplexerConfig): Promise<string> {
  const multiplexer = createMultiplexer(config);
  await multiplexer.initialize({ settleMs: 30_000 });
  const front = createServer((request, response) => {
    if (!multiplexer.handler(request, response)) response.writeHead(404).end();
  });
  const url = await listen(front);
  closing.push(() => multiplexer.close());
  return url;
}

const TASKS = "io.modelcontextprotocol/tasks";
const capable = { "io.modelcontextprotocol/clientCapabilities": { extensions: { [TASKS]: {} } } };
/** Spaces, an unknown key and a number that no double holds: nothing of it may change. */
const madeTask = (id: string): string =>
  `{"resultType" : "task","taskId":"${id}","status":"working","createdAt":"2026-11-20T00:00:00Z", "lastUpdatedAt":"2026-11-20T00:00:00Z","ttlMs":60000,"acme":9007199254740993}`;

/** A modern server that makes every call a task, and says who it is when it is asked for one. */
function taskServer(name: string, heard: string[], idOf: (name: string) => string): Promise<string> {
  return listen(
    createServer((request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      request.on("end", () => {
        const { id, method, params } = JSON.parse(text) as {
          id: number;
          method: string;
          params: Record<string, unknown>;
        };
        if (method.startsWith("tasks/"))
          heard.push(`${name} ${method} ${String(params["taskId"])} ${String(request.headers["mcp-name"])}`);
        const results: Record<string, string> = {
          "server/discover": `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"extensions":{"${TASKS}":{}}},"ttlMs":0,"cacheScope":"private"}`,
          "tools/list": `{"resultType":"complete","tools":[{"name":"t","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}`,
          "tools/call": madeTask(idOf(name)),
          "tasks/get": `{"resultType":"complete","taskId":"${idOf(name)}","status":"completed"}`,
        };
        response.writeHead(200, { "content-type": "application/json" });
        response.end(
          `{"jsonrpc":"2.0","id":${id},"result":${results[method] ?? '{"resultType":"complete"}'}}`,
        );
      });
    }),
  );
}

async function startTaskServers(idOf: (name: string) => string): Promise<{ url: string; heard: string[] }> {
  const heard: string[] = [];
  const urls = await Promise.all(["one", "two"].map((name) => taskServer(name, heard, idOf)));
  const upstreams = urls.map((url) => ({ transport: "streamable-http", url, era: "modern" }) as const);
  // Where a task is, is no matter of rules.
  const rule = { name: "elsewhere", match: { methods: ["tasks/*"] }, route: { tags: ["elsewhere"] } };
  const url = await gatewayOf({
    pools: [{ namespace: "p", strategy: "round-robin", upstreams }],
    routing: { rules: [rule] },
  });
  return { url, heard };
}

describe("tasks of the modern era", () => {
  it("are told byte for byte, offered, and asked for at the replica that made them", async () => {
    const { url, heard } = await startTaskServers((name) => `task of ${name}`);
    using client = createRawClient(url);
    const [discovered] = (await client.modern("server/discover")).messages;
    expect(discovered?.result?.["capabilities"]).toMatchObject({ extensions: { [TASKS]: {} } });

    const made: string[] = [];
    for (let call = 0; call < 2; call++) {
      const { text, messages } = await client.modern("tools/call", { name: "p__t", _meta: capable });
      const id = String(messages[0]?.result?.["taskId"]);
      expect(text).toContain(madeTask(id));
      made.push(id);
    }
    expect(made.toSorted()).toEqual(["task of one", "task of two"]);
    for (const method of ["tasks/get", "tasks/get", "tasks/update", "tasks/cancel"]) {
      for (const taskId of made) {
        const headers = { "mcp-name": taskId };
        const params = { taskId, inputResponses: {}, _meta: capable };
        const [answer] = (await client.modern(method, params, { headers })).messages;
        expect(answer, method).toMatchObject({ result: { resultType: "complete" } });
      }
    }
    expect(heard).toHaveLength(8);
    for (const line of heard) expect(line).toMatch(/^(\w+) tasks\/\w+ task of \1 task of \1$/);
  });

  it("that nobody made are not found", async () => {
    const { url } = await startTaskServers((name) => name);
    using client = createRawClient(url);
    const headers = { "mcp-name": "unknown" };
    const [answer] = (await client.modern("tasks/get", { taskId: "unknown" }, { headers })).messages;
    expect(answer).toMatchObject({ error: { code: -32602, message: "Task not found: unknown" } });
  });

  it("under the id of another server's task are not told to anybody", async () => {
    const { url } = await startTaskServers(() => "same");
    using client = createRawClient(url);
    const call = async (): Promise<unknown> =>
      (await client.modern("tools/call", { name: "p__t", _meta: capable })).messages[0];
    expect(await call()).toMatchObject({ result: { taskId: "same" } });
    expect(await call()).toMatchObject({ error: { code: -32603, data: { code: "CONNECTION_FAILED" } } });
  });
});

describe("tasks of 2025-11-25, on the reference server", () => {
  it("are made, asked for and cancelled by the client whose they are, and by no other", async () => {
    const url = await gatewayOf({
      pools: [
        {
          namespace: "everything",
          upstreams: [
            {
              transport: "streamable-http",
              era: "legacy",
              url: "http://localhost/mcp",
              command: process.execPath,
              args: [everythingServer, "streamableHttp"],
              env: { PORT: "{socket}" },
            },
          ],
        },
      ],
    });
    using client = createRawClient(url);
    using other = createRawClient(url);
    const { result } = await client.initialize();
    expect(result).toMatchObject({
      capabilities: { tasks: { cancel: {}, requests: { tools: { call: {} } } } },
    });
    await other.initialize();
    const make = async (): Promise<string> => {
      const made = await client.request("tools/call", {
        name: "everything__simulate-research-query",
        arguments: { topic: "rope", ambiguous: false },
        task: { ttl: 60_000 },
      });
      expect(made).toMatchObject({ result: { task: { status: "working", taskId: expect.any(String) } } });
      const { taskId } = (made.result?.["task"] ?? {}) as { taskId?: string };
      return taskId ?? "";
    };
    const taskId = await make();
    expect(await client.request("tasks/get", { taskId })).toMatchObject({ result: { taskId } });
    for (const method of ["tasks/get", "tasks/result", "tasks/cancel"]) {
      expect(await other.request(method, { taskId })).toMatchObject({ error: { code: -32602 } });
    }
    const report = await client.request("tasks/result", { taskId });
    expect(JSON.stringify(report.result)).toContain("rope");

    const second = await make();
    expect(await client.request("tasks/cancel", { taskId: second })).toMatchObject({
      result: { taskId: second, status: "cancelled" },
    });
  });
});
