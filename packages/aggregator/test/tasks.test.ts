// Tasks of both eras, made by one of several servers and asked for through the gateway.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
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

type Era = "legacy" | "modern";

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

/** A server of one era that has tasks, keeps what it was called with, and answers with its text. */
async function plainTaskServer(era: Era, called: Record<string, unknown>[]): Promise<string> {
  const modern = { resultType: "complete", ttlMs: 0, cacheScope: "private" };
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } },
      serverInfo: { name: "s", version: "1" },
    },
    "server/discover": {
      ...modern,
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {}, extensions: { [TASKS]: {} } },
    },
    "tools/list": {
      ...(era === "modern" ? modern : {}),
      tools: [{ name: "t", inputSchema: { type: "object" } }],
    },
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = (await request.toArray()).join("");
    const { id, method, params } = JSON.parse(text || "{}") as {
      id?: number;
      method?: string;
      params: Record<string, unknown>;
    };
    if (method === "initialize") called.push({ hello: params["capabilities"] });
    if (method === "tools/call") called.push(params);
    if (method?.startsWith("tasks/")) called.push({ method });
    const isTask = params?.["name"] === "t" && params["task"] !== undefined;
    const answer = isTask
      ? { task: { taskId: "made", status: "working" } }
      : { content: [{ type: "text", text: "plain" }], ...(era === "modern" ? modern : {}) };
    if (id === undefined) {
      response.writeHead(request.method === "GET" ? 405 : 202).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method ?? ""] ?? answer }));
  };
  return listen(createServer((request, response) => void serve(request, response)));
}

describe("between the eras tasks are left out", () => {
  async function startWith(era: Era) {
    const called: Record<string, unknown>[] = [];
    const upstream = await plainTaskServer(era, called);
    const url = await gatewayOf({
      pools: [{ namespace: "p", upstreams: [{ transport: "streamable-http", url: upstream, era }] }],
    });
    return { client: createRawClient(url), called };
  }
  const plain = { content: [{ type: "text", text: "plain" }] };

  it("for a legacy client of a modern server: none are offered, and a call for one is answered plainly", async () => {
    const { client, called } = await startWith("modern");
    using _ = client;
    const { result } = await client.initialize({ capabilities: { tasks: { cancel: {} } } });
    expect(result?.["capabilities"]).not.toHaveProperty("tasks");
    // Wherever the wish stands among the parameters.
    const bodies = [
      '{"task":{"ttl":60000},"name":"p__t","arguments":{"a":9007199254740993}}',
      '{"name":"p__t","task":{"ttl":60000},"arguments":{"a":9007199254740993}}',
      '{"name":"p__t","arguments":{"a":9007199254740993}, "task" : {"ttl":60000} }',
    ];
    for (const [id, params] of bodies.entries()) {
      const text = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
      expect((await client.post(text)).messages).toMatchObject([{ id, result: plain }]);
    }
    expect(called).toHaveLength(3);
    for (const { _meta, ...params } of called) {
      expect(params).toEqual({ name: "t", arguments: { a: 9007199254740992 } });
      // Nor is the server told that it might make one by itself.
      expect(_meta).toMatchObject({ "io.modelcontextprotocol/clientCapabilities": {} });
      expect(JSON.stringify(_meta)).not.toContain("tasks");
    }
    expect(await client.request("tasks/get", { taskId: "made" })).toMatchObject({ error: { code: -32602 } });
    expect(called).toHaveLength(3);
  });

  it("for a modern client of a legacy server: none are offered, and a call for one is answered plainly", async () => {
    const { client, called } = await startWith("legacy");
    using _ = client;
    const [discovered] = (await client.modern("server/discover")).messages;
    expect(discovered?.result?.["capabilities"]).toEqual({ tools: expect.anything() });
    const params = { name: "p__t", task: { ttl: 60_000 }, arguments: { a: 1 }, _meta: capable };
    expect((await client.modern("tools/call", params)).messages).toMatchObject([
      { result: { ...plain, resultType: "complete" } },
    ]);
    const call = called.find((one) => one["name"] === "t");
    expect(call).toEqual({ name: "t", arguments: { a: 1 }, _meta: {} });
    for (const { hello } of called) expect(JSON.stringify(hello ?? {})).not.toContain("tasks");
    const headers = { "mcp-name": "made" };
    expect(
      (await client.modern("tasks/get", { taskId: "made", _meta: capable }, { headers })).messages,
    ).toMatchObject([{ error: { code: -32602, message: "Task not found: made" } }]);
  });

  it("but in a pool of both, a legacy client's wish is taken to the server that can fulfil it", async () => {
    const called: Record<string, unknown>[] = [];
    const upstreams = await Promise.all(
      (["modern", "legacy", "modern"] as const).map(
        async (era) =>
          ({ transport: "streamable-http", url: await plainTaskServer(era, called), era }) as const,
      ),
    );
    const url = await gatewayOf({ pools: [{ namespace: "p", strategy: "round-robin", upstreams }] });
    using client = createRawClient(url);
    const { result } = await client.initialize();
    expect(result?.["capabilities"]).toHaveProperty("tasks");
    for (let at = 0; at < 4; at++) {
      const made = await client.request("tools/call", { name: "p__t", task: {} });
      expect(made).toMatchObject({ result: { task: { taskId: "made" } } });
    }
    const sent = called.filter(({ name }) => name === "t");
    expect(sent.map(({ task }) => task)).toEqual([{}, {}, {}, {}]);
  });

  it("and a modern server that makes one all the same does not reach a legacy client with it", async () => {
    const { url } = await startTaskServers((name) => name);
    using client = createRawClient(url);
    await client.initialize();
    const { error } = await client.request("tools/call", { name: "p__t", task: {} });
    expect(error).toMatchObject({ code: -32603, data: { code: "CONNECTION_FAILED", outcome: "unknown" } });
    expect(error?.message).toContain("2026-07-28");
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
