// Many clients with keys, limits and roles of their own, as they meet the gateway over HTTP.
import { createHash } from "node:crypto";
import { createRawClient, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NO_LIMITS, startGateway, stdioFixture, type TestGateway } from "./gateway.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const keys = {
  alice: "alice-key-123456",
  bob: "bob-key-123456",
  tight: "tight-key-123456",
  listener: "listener-key-123456",
  forgetful: "forgetful-key-123456",
  root: "root-key-123456",
};

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({
    clients: {
      ...NO_LIMITS,
      anonymous: "never",
      known: {
        alice: { keySha256: sha256(keys.alice) },
        bob: { keySha256: sha256(keys.bob) },
        tight: {
          keySha256: sha256(keys.tight),
          limits: { requestsPerMinute: 3, concurrency: 2 },
        },
        listener: { keySha256: sha256(keys.listener), limits: { streams: 1 } },
        forgetful: { keySha256: sha256(keys.forgetful), limits: { sessions: 2 } },
        root: { keySha256: sha256(keys.root), admin: true },
      },
    },
    pools: { a: { upstreams: [stdioFixture()] } },
  });
  await waitUntil(async () => (await status(keys.root)).status === "ready", {
    timeoutMs: 45_000,
    what: "the gateway to be ready",
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

async function status(key: string): Promise<{ status: string }> {
  const response = await fetch(`${gateway.url}/api/status`, { headers: { authorization: `Bearer ${key}` } });
  return (await response.json()) as { status: string };
}

async function post(
  key: string | undefined,
  message: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(`${gateway.url}/mcp`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify(message),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

const call = (id: number, name = "a__echo", args: unknown = { message: "x" }): unknown => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args },
});
const initialize = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
};

describe("keys", () => {
  it("are needed where nobody is anonymous, and wrong ones are told from missing ones", async () => {
    const missing = await post(undefined, call(1));
    expect(missing).toMatchObject({ status: 401, body: { error: { code: "UNAUTHENTICATED" } } });
    expect(missing.headers.get("www-authenticate")).toBe("Bearer");
    expect(await post("wrong-key", call(1))).toMatchObject({
      status: 401,
      body: { error: { code: "INVALID_CREDENTIALS" } },
    });
    expect((await post(keys.alice, call(1))).body).toMatchObject({ result: { content: [{ text: "x" }] } });
  });

  it("own their sessions: nobody else can use, read or end one", async () => {
    const opened = await post(keys.alice, initialize);
    const session = opened.headers.get("mcp-session-id") ?? "";
    const headers = { "mcp-session-id": session };
    expect((await post(keys.bob, call(2), headers)).status).toBe(404);
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(`${gateway.url}/mcp`, {
        method,
        headers: { ...headers, authorization: `Bearer ${keys.bob}`, accept: "text/event-stream" },
      });
      expect(response.status).toBe(404);
      await response.body?.cancel();
    }
    expect((await post(keys.alice, call(3), headers)).status).toBe(200);
  });

  it("let a client see the state, and only operators the rest", async () => {
    for (const [key, path, expected] of [
      [keys.alice, "/api/status", 200],
      [keys.alice, "/metrics", 200],
      [keys.alice, "/api/clients", 403],
      [keys.alice, "/api/config", 403],
      [keys.alice, "/api/events", 403],
      [keys.root, "/api/clients", 200],
      [keys.root, "/api/config", 200],
    ] as const) {
      const response = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
      expect(response.status, path).toBe(expected);
      await response.body?.cancel();
    }
  });
});

describe("limits of one client", () => {
  it("refuse with 429, Retry-After, the request's id, and words that name the wait; others notice nothing", async () => {
    for (let id = 1; id <= 3; id++) expect((await post(keys.tight, call(id))).status).toBe(200);
    const refused = await post(keys.tight, call(4));
    expect(refused).toMatchObject({
      status: 429,
      body: {
        id: 4,
        error: {
          code: -31_429,
          message: expect.stringMatching(
            /^A client may send at most 3 requests a minute\. Try again in \d+ s\.$/,
          ),
          data: {
            code: "RATE_LIMITED",
            limit: "requests",
            client: "tight",
            retryAfterMs: expect.any(Number),
          },
        },
      },
    });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await post(keys.bob, call(5))).status).toBe(200);
    // To open a session is a request, too.
    expect(await post(keys.tight, initialize)).toMatchObject({
      status: 429,
      body: { error: { data: { limit: "requests" } } },
    });
  });

  it("count streams apart", async () => {
    const opened = await post(keys.listener, initialize);
    const headers = {
      "mcp-session-id": opened.headers.get("mcp-session-id") ?? "",
      authorization: `Bearer ${keys.listener}`,
      accept: "text/event-stream",
    };
    const first = await fetch(`${gateway.url}/mcp`, { headers });
    expect(first.status).toBe(200);
    const second = await fetch(`${gateway.url}/mcp`, { headers });
    expect(second.status).toBe(429);
    await Promise.all([first.body?.cancel(), second.body?.cancel()]);
    await waitUntil(
      async () => {
        const again = await fetch(`${gateway.url}/mcp`, { headers });
        await again.body?.cancel();
        return again.status === 200;
      },
      { timeoutMs: 10_000, what: "the first stream's place to be free" },
    );
  });

  it("bound its sessions: a further one ends the oldest that is idle", async () => {
    const open = async (): Promise<Record<string, string>> => {
      const { headers } = await post(keys.forgetful, initialize);
      return { "mcp-session-id": headers.get("mcp-session-id") ?? "" };
    };
    const [first, second, third] = [await open(), await open(), await open()];
    expect((await post(keys.forgetful, call(1), first)).status).toBe(404);
    expect((await post(keys.forgetful, call(2), second)).status).toBe(200);
    expect((await post(keys.forgetful, call(3), third)).status).toBe(200);
    // Both wait for messages, so neither is idle.
    const streams = await Promise.all(
      [second, third].map((session) =>
        fetch(`${gateway.url}/mcp`, {
          headers: { ...session, authorization: `Bearer ${keys.forgetful}`, accept: "text/event-stream" },
        }),
      ),
    );
    const refused = await post(keys.forgetful, initialize);
    expect(refused).toMatchObject({
      status: 429,
      body: { id: 0, error: { code: -31_429, data: { code: "RATE_LIMITED", limit: "sessions" } } },
    });
    expect(refused.headers.get("retry-after")).toBe("1");
    for (const stream of streams) await stream.body?.cancel();
  });

  it("show up in the usage of each client and in the metrics", async () => {
    const headers = { authorization: `Bearer ${keys.root}` };
    const { clients } = (await (await fetch(`${gateway.url}/api/clients`, { headers })).json()) as {
      clients: { id: string; known: boolean; usage: Record<string, number> }[];
    };
    const tight = clients.find(({ id }) => id === "tight");
    expect(tight).toMatchObject({ known: true, usage: { requests: 3, toolCalls: 3, errors: 0 } });
    expect(tight?.usage["refused"]).toBeGreaterThanOrEqual(2);
    expect(tight?.usage["bytesIn"]).toBeGreaterThan(100);
    // The page is rendered at most once a second.
    const metrics = await waitUntil(
      async () => {
        const text = await (await fetch(`${gateway.url}/metrics`, { headers })).text();
        return text.includes('client="tight"') ? text : undefined;
      },
      { timeoutMs: 10_000, what: "the metrics to be rendered again" },
    );
    expect(metrics).toMatch(/fairlead_refusals_total\{limit="requests"\} [1-9]/);
    expect(metrics).toMatch(/fairlead_client_requests_total\{client="tight",outcome="ok"\} 3/);
    expect(metrics).toMatch(/fairlead_tool_calls_total\{tool="a__echo",outcome="ok"\} \d/);
    expect(metrics).toMatch(/fairlead_upstream_up\{pool="a",upstream="a-1"\} 1/);
    expect(metrics).toMatch(/fairlead_breaker_state\{pool="a",upstream="a-1",state="closed"\} 1/);
  });
});

it("serves 20 anonymous clients on loopback by default, each in its own session", async () => {
  await using open = await startGateway({ clients: {}, pools: { a: { upstreams: [stdioFixture()] } } });
  await open.untilReady();
  const clients = await Promise.all(
    Array.from({ length: 21 }, async () => {
      const client = createRawClient(new URL(`${open.url}/mcp`));
      await client.initialize();
      return client;
    }),
  );
  const answers = await Promise.all(
    clients.map((client, at) =>
      client.request("tools/call", { name: "a__echo", arguments: { message: String(at) } }),
    ),
  );
  const served = answers.filter((answer) => "result" in answer);
  const refused = answers.filter((answer) => "error" in answer);
  expect(served).toHaveLength(20);
  expect(refused).toMatchObject([{ error: { code: -31_503, data: { limit: "clients" } } }]);
});
