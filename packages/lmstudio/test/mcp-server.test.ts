// The MCP server, asked by the official clients of both generations over both transports.
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createLmStudioClient } from "../src/index.ts";
import { serverOptionsFromEnvironment } from "../src/server/environment.ts";
import { serveHttp } from "../src/server/index.ts";
import { model } from "./client.ts";
import { quick, until } from "./host.ts";
import { eventually, type Mcp, type ProgressNote, startMcp, textOf, ways } from "./mcp.ts";

const two = [
  { key: "a", answer: "The answer is 42.", loaded: true, ...quick },
  { key: "b", answer: "It is 41.", loaded: true, ...quick },
  { key: "c", answer: "I get 42", loaded: true, ...quick },
];

describe.each(ways)("over %s", (way) => {
  it("has the documents' five tools, and they answer", async () => {
    await using mcp = await startMcp(way);
    const tools = await mcp.tools();
    expect(tools.map(({ name }) => name)).toEqual([
      "health_check",
      "list_models",
      "get_current_model",
      "chat_completion",
      "multi_agent_query",
    ]);
    for (const { inputSchema } of tools) expect(inputSchema).toMatchObject({ type: "object" });

    const health = await mcp.call("health_check");
    expect(textOf(health)).toMatch(/^LM Studio API is running\n/);
    expect(health.structuredContent).toMatchObject({
      ok: true,
      hosts: [{ reachable: true, loaded: [model], circuit: "closed" }],
    });

    const list = await mcp.call("list_models");
    expect(textOf(list)).toContain(`- ${model} (llm, loaded, context 131072`);
    expect(list.structuredContent).toMatchObject({
      ok: true,
      models: [{ key: model, loaded: true, parallel: 4 }],
      errors: [],
    });

    const current = await mcp.call("get_current_model");
    expect([textOf(current), current.structuredContent?.["model"]]).toEqual([model, model]);

    const chat = await mcp.call("chat_completion", {
      prompt: "Two and two?",
      model,
      temperature: 0.7,
      max_tokens: 1_024,
    });
    expect(textOf(chat)).toBe("Two and two is four.");
    expect(chat.structuredContent).toMatchObject({
      ok: true,
      partial: false,
      text: "Two and two is four.",
      model,
      finish_reason: "stop",
      usage: { completion_tokens: 5 },
      attempts: 1,
    });

    const panel = await mcp.call("multi_agent_query", {
      prompt: "Two and two?",
      models: [model, { model, count: 2 }],
    });
    expect(panel.structuredContent).toMatchObject({
      ok: true,
      agreement: 1,
      members: [{ status: "ok" }, {}, {}],
    });
    expect(textOf(panel)).toMatch(/^3 of 3 models answered \(100 % agree\)/);
  });

  it("tells how far it is: the load, the prompt, the answer", async () => {
    const slow = [{ key: model, answer: "word ".repeat(30), loadMs: 200, tokensPerSecond: 2_000 }];
    await using mcp = await startMcp(way, { simulated: { models: slow } });
    const notes: ProgressNote[] = [];
    await mcp.call("chat_completion", { prompt: "Go on", model }, { onProgress: (note) => notes.push(note) });
    const kinds = notes.map(({ message = "" }) => message.replace(/[\d%]/g, "").trim());
    for (const kind of [`loading ${model.replace(/\d/g, "")}`, "reading the prompt", "answering:  tokens"])
      expect(kinds).toContain(kind);
    const values = notes.map(({ progress }) => progress);
    for (const [at, value] of values.entries())
      if (at > 0) expect(value).toBeGreaterThan(values[at - 1] ?? 0);
  });

  it("tells of each member of a panel", async () => {
    await using mcp = await startMcp(way, { simulated: { models: two } });
    const notes: ProgressNote[] = [];
    const args = {
      prompt: "6*7?",
      models: ["a", "b", "c"],
      strategy: "majority",
      extractor: { kind: "last-number" },
    };
    const answer = await mcp.call("multi_agent_query", args, { onProgress: (note) => notes.push(note) });
    expect(textOf(answer)).toMatch(/^Answer by majority \(67 % agree\):\n42\n/);
    const counted = notes.filter(({ total }) => total === 3);
    expect(counted.map(({ message = "" }) => message).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "a: answered",
      "b: answered",
      "c: answered",
    ]);
  });

  it("passes a cancellation on: the host's slot is free again", async () => {
    await using mcp = await startMcp(way, { simulated: { faults: [{ kind: "stall" }] } });
    const caller = new AbortController();
    const call = mcp
      .call("chat_completion", { prompt: "Two?", model }, { signal: caller.signal })
      .catch((error: unknown) => error);
    const busy = (): number => mcp.simulator.instances()[0]?.busy ?? 0;
    await eventually(() => busy() === 1);
    caller.abort("enough");
    expect(await call).toBeDefined();
    await eventually(() => busy() === 0);
  });

  it("says what went wrong, where, and what to do", async () => {
    await using mcp = await startMcp(way, { simulated: { faults: [{ kind: "load-failed" }] } });
    const failed = await mcp.call("chat_completion", { prompt: "Two?", model });
    expect(failed.isError).toBe(true);
    expect(failed.structuredContent).toMatchObject({
      ok: false,
      error: { code: "MODEL_LOAD_FAILED", model, attempts: 1 },
    });
    expect(textOf(failed)).toContain("Free memory");
    const panel = await mcp.call("multi_agent_query", { prompt: "Two?", models: [model] });
    expect(panel.isError).toBe(true);
    expect(panel.structuredContent).toMatchObject({
      ok: false,
      error: { code: "TOO_FEW_ANSWERS" },
      members: [{ status: "error", code: "MODEL_LOAD_FAILED" }],
    });
    const wrong = await mcp.call("multi_agent_query", { prompt: "Two?", models: [model], k: 3 });
    expect(wrong.structuredContent).toMatchObject({ ok: false, error: { code: "INVALID_ARGUMENT" } });
  });
});

it("starts from the documents' configuration with only the command changed", async () => {
  const config = {
    mcpServers: {
      "lmstudio-concurrent": {
        command: "python3",
        args: ["/path/to/lmstudio_bridge.py"],
        env: { LMSTUDIO_API_BASE: "http://localhost:1234/v1" },
      },
    },
  };
  const { args, env } = config.mcpServers["lmstudio-concurrent"];
  expect(Object.keys(env)).toEqual(["LMSTUDIO_API_BASE"]);
  const reliability = {
    ROUTER_RATE_LIMIT_TPS: "12",
    SMART_PLAN_IMMEDIATE_TIMEOUT_SEC: "150",
    ROUTER_BG_TIMEOUT_SEC: "300",
    HTTP_CONNECT_TIMEOUT: "10",
    HTTP_READ_TIMEOUT_SIMPLE: "60",
    HTTP_READ_TIMEOUT_COMPLEX: "180",
    HTTP_MAX_RETRIES: "3",
    HTTP_BACKOFF_FACTOR: "1.5",
  };
  await using mcp = await startMcp("legacy stdio", { args, env: reliability });
  expect(textOf(await mcp.call("chat_completion", { prompt: "Two?" }))).toBe("Two and two is four.");
});

describe("time", () => {
  async function slowMcp(
    timeoutMs?: number,
  ): Promise<{ mcp: Mcp; clock: ReturnType<typeof createFakeClock> }> {
    const clock = createFakeClock();
    const mcp = await startMcp("legacy http", {
      simulated: {
        models: [...two, { key: "slow", answer: "one two three four", loaded: true, ...quick }],
        faults: [{ kind: "stall", model: "slow" }],
      },
      client: { clock },
      server: { clock, ...(timeoutMs === undefined ? {} : { toolTimeoutMs: timeoutMs }) },
    });
    return { mcp, clock };
  }

  it("of 50 s brings what has come, before the 60 s after which clients give up", async () => {
    const { mcp, clock } = await slowMcp();
    await using _ = mcp;
    const call = mcp.call("chat_completion", { prompt: "Count", model: "slow" });
    await until(() => mcp.simulator.instances().some(({ id, busy }) => id === "slow" && busy === 1));
    await settle();
    await clock.advance(50_100);
    const answer = await call;
    expect(answer.isError).toBeUndefined();
    expect(answer.structuredContent).toMatchObject({
      ok: true,
      partial: true,
      text: "one two",
      error: { code: "DEADLINE_EXCEEDED" },
    });
    expect(textOf(answer)).toMatch(/^one two\n\n\[cut off after 50 s/);
  });

  it("of a panel brings the rows that have come", async () => {
    const { mcp, clock } = await slowMcp();
    await using _ = mcp;
    const call = mcp.call("multi_agent_query", { prompt: "6*7?", models: ["a", "slow", "c"] });
    await until(() => mcp.simulator.instances().some(({ id, busy }) => id === "slow" && busy === 1));
    await settle();
    await clock.advance(50_100);
    expect((await call).structuredContent).toMatchObject({
      ok: true,
      partial: true,
      members: [{ status: "ok" }, { status: "timeout", code: "DEADLINE_EXCEEDED" }, { status: "ok" }],
    });
  });

  it("is what a call, or the server's settings, say", async () => {
    const { mcp, clock } = await slowMcp(20_000);
    await using _ = mcp;
    const short = mcp.call("chat_completion", { prompt: "Count", model: "slow" });
    const long = mcp.call("chat_completion", { prompt: "Count on", model: "slow", timeout_seconds: 40 });
    await until(() => mcp.simulator.instances().some(({ id, busy }) => id === "slow" && busy === 2));
    await settle();
    await clock.advance(20_100);
    expect(textOf(await short)).toContain("cut off after 20 s");
    await clock.advance(20_000);
    expect(textOf(await long)).toContain("cut off after 40 s");
    expect(serverOptionsFromEnvironment({ LMSTUDIO_TOOL_TIMEOUT_SEC: "90" })).toMatchObject({
      toolTimeoutMs: 90_000,
    });
    expect(() => serverOptionsFromEnvironment({ LMSTUDIO_TOOL_TIMEOUT_SEC: "0" })).toThrow("got 0");
  });

  /** What has been sent is read. */
  async function settle(): Promise<void> {
    for (let turns = 0; turns < 500; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  }
});

describe("models", () => {
  it("are chosen by task when none is named", async () => {
    const routes = [
      { task: "code", models: ["missing", "b"] },
      { task: "creative", models: ["c"] },
    ];
    await using mcp = await startMcp("legacy http", {
      simulated: { models: two },
      server: { taskRoutes: routes },
    });
    const answered = async (args: Record<string, unknown>): Promise<unknown> =>
      (await mcp.call("chat_completion", args)).structuredContent?.["model"];
    expect(await answered({ prompt: "Write code" })).toBe("b");
    expect(await answered({ prompt: "Write", task: "creative" })).toBe("c");
    expect(await answered({ prompt: "Write" })).toBe("a");
    const wrong = await mcp.call("chat_completion", { prompt: "x", task: "music" });
    expect(wrong.structuredContent).toMatchObject({
      error: { code: "INVALID_ARGUMENT", message: "task must be one of code, creative, got music" },
    });
    const panel = await mcp.call("multi_agent_query", { prompt: "Anything" });
    expect(panel.structuredContent).toMatchObject({
      members: [{ model: "a" }, { model: "b" }, { model: "c" }],
    });
  });

  it("that are not there, and hosts that are down, are told apart", async () => {
    await using mcp = await startMcp("legacy http", {
      simulated: { models: two.map((entry) => ({ ...entry, loaded: false })) },
    });
    expect(textOf(await mcp.call("get_current_model"))).toBe("No model is loaded");
    expect((await mcp.call("chat_completion", { prompt: "x" })).structuredContent).toMatchObject({
      error: { code: "NO_MODEL_LOADED" },
    });
    expect((await mcp.call("list_models", { host: "moon" })).structuredContent).toMatchObject({
      errors: [{ code: "INVALID_ARGUMENT" }],
    });
    await mcp.simulator.close();
    const health = await mcp.call("health_check");
    expect(textOf(health)).toMatch(/^LM Studio API is not reachable\n[\s\S]*Is LM Studio running/);
    expect(health.structuredContent).toMatchObject({
      ok: false,
      hosts: [{ reachable: false, error: { code: "CONNECTION_FAILED" } }],
    });
    expect(await mcp.call("list_models")).toMatchObject({ isError: true, structuredContent: { ok: false } });
    expect(await mcp.call("get_current_model")).toMatchObject({
      isError: true,
      structuredContent: { ok: false },
    });
  });

  it("see images, follow schemas, and think as told", async () => {
    const answer = (_: string, { body, images }: { body: unknown; images: number }): string =>
      JSON.stringify({ body, images });
    const echo = [{ key: "a", answer, vision: true, loaded: true, ...quick }];
    await using mcp = await startMcp("legacy http", { simulated: { models: echo } });
    const { structuredContent } = await mcp.call("chat_completion", {
      prompt: "What is it?",
      system: "Be brief.",
      images: ["data:image/png;base64,AA=="],
      json_schema: { type: "object" },
      reasoning: "low",
    });
    expect(structuredContent?.["json"]).toMatchObject({
      images: 1,
      body: {
        reasoning_effort: "low",
        response_format: { type: "json_schema" },
        messages: [{ role: "system" }, { role: "user" }],
      },
    });
  });

  it("of an older host answer without its own chat", async () => {
    const chunk = { model: "m", choices: [{ delta: { content: "Hi" }, finish_reason: "stop" }] };
    const bodies: Record<string, string> = {
      "/v1/models": '{"data":[{"id":"m"}]}',
      "/v1/chat/completions": `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`,
    };
    const older = createServer((request, response) => {
      const body = bodies[request.url ?? ""];
      response.writeHead(200, {
        "content-type": body?.startsWith("data:") === true ? "text/event-stream" : "application/json",
      });
      response.end(body ?? `{"error":"Unexpected endpoint or method. (${request.method} ${request.url})"}`);
    });
    await new Promise<void>((resolve) => older.listen(0, "127.0.0.1", () => resolve()));
    const url = `http://127.0.0.1:${(older.address() as AddressInfo).port}`;
    const client = createLmStudioClient({ hosts: [url] });
    await using mcp = await startMcp("legacy http", { server: { client } });
    const answer = await mcp.call("chat_completion", { prompt: "x", model: "m" }, { onProgress: () => {} });
    expect(textOf(answer)).toBe("Hi");
    await client.close();
    await new Promise((resolve) => {
      older.close(resolve);
      older.closeAllConnections();
    });
  });
});

describe("Streamable HTTP", () => {
  const initialize = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
  });

  /** Fetch would not send another host's name. */
  function post(url: string, headers: Record<string, string>): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = httpRequest(
        url,
        {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            ...headers,
          },
        },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      sent.on("error", reject);
      sent.end(initialize);
    });
  }

  it("is for this machine, and for who has the token", async () => {
    const client = createLmStudioClient({ hosts: ["http://127.0.0.1:1"] });
    await using open = await serveHttp({ client, port: 0 });
    await using locked = await serveHttp({ client, port: 0, token: "secret" });
    expect(await post(open.url, {})).toBe(200);
    expect(await post(open.url, { host: "evil.example" })).toBe(403);
    expect(await post(open.url, { origin: "http://evil.example" })).toBe(403);
    expect(await post(open.url.replace("/mcp", "/other"), {})).toBe(404);
    expect(await post(locked.url, {})).toBe(401);
    expect(await post(locked.url, { authorization: "Bearer wrong" })).toBe(401);
    expect(await post(locked.url, { authorization: "Bearer secret" })).toBe(200);
    await expect(serveHttp({ client, port: 0, host: "0.0.0.0" })).rejects.toThrow(
      "token must be given to listen on 0.0.0.0",
    );
    await client.close();
  });

  it("keeps so many sessions, and the one idle for longest gives way", async () => {
    const client = createLmStudioClient({ hosts: ["http://127.0.0.1:1"] });
    await using server = await serveHttp({ client, port: 0, maxSessions: 2 });
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
    const ids: string[] = [];
    for (let session = 0; session < 3; session += 1) {
      const response = await fetch(server.url, { method: "POST", headers, body: initialize });
      await response.text();
      ids.push(response.headers.get("mcp-session-id") ?? "");
    }
    const ping = async (id: string): Promise<number> => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" });
      const response = await fetch(server.url, {
        method: "POST",
        headers: { ...headers, "mcp-session-id": id },
        body,
      });
      await response.text();
      return response.status;
    };
    expect(await Promise.all(ids.map(ping))).toEqual([404, 200, 200]);
    await client.close();
  });
});
