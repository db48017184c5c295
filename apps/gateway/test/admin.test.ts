// The admin API as operators and their agents use it: held against its own description, over HTTP and as MCP tools.
import { readFile, writeFile } from "node:fs/promises";
import { waitUntil } from "@fairlead/testbed";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, stdioFixture, type TestGateway } from "./gateway.ts";

let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  gateway = await startGateway({
    admin: { allowPrivateUrls: ["127.0.0.1"] },
    logging: { level: "debug" },
    pools: { a: { upstreams: [stdioFixture(), stdioFixture()] } },
  });
  await gateway.untilReady();
  token = await gateway.adminToken();
});
afterAll(() => gateway[Symbol.asyncDispose]());

interface ApiDocument {
  readonly paths: Record<
    string,
    Record<string, { operationId: string; responses: Record<string, Described> }>
  >;
}
interface Described {
  readonly content: { "application/json": { schema: object } };
}

async function api(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function description(): Promise<ApiDocument> {
  return (await api("GET", "/api/openapi.json")).body as unknown as ApiDocument;
}

describe("the admin API", () => {
  it("answers every operation as its description says", async () => {
    const { paths } = await description();
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const inputs: Record<string, unknown> = {
      addServer: { pool: "b", server: { id: "b-x", url: "http://127.0.0.1:9/mcp" } },
      updateServer: { patch: { weight: 3 } },
      failoverServer: { reason: "test" },
      removeServer: undefined,
    };
    const seen: string[] = [];
    // What removes comes last.
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    operations.sort((x, y) => Number(x.method === "delete") - Number(y.method === "delete"));
    for (const { path, method, operation } of operations) {
      const id = operation.operationId;
      // Answered with 404 as long as nothing is paused, or waits.
      if (id === "resetClientBreaker" || id === "approveTools") continue;
      const target = id === "removeServer" ? "b-x" : "a-2";
      const body = inputs[id] ?? (method === "post" || method === "patch" ? {} : undefined);
      const answer = await api(method.toUpperCase(), path.replace("{id}", target), body);
      expect(answer.status, `${id}: ${JSON.stringify(answer.body).slice(0, 300)}`).toBe(200);
      const schema = operation.responses["200"]?.content["application/json"].schema ?? {};
      const validate = ajv.compile(schema);
      expect(validate(answer.body), `${id}: ${ajv.errorsText(validate.errors)}`).toBe(true);
      seen.push(id);
      if (id === "failoverServer" || id === "drainServer") await api("POST", "/api/servers/a-2/undrain", {});
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        "getStatus",
        "getAnalytics",
        "addServer",
        "removeServer",
        "updateServer",
        "enableServer",
        "disableServer",
        "drainServer",
        "undrainServer",
        "failoverServer",
        "restartServer",
        "listBreakers",
        "listClients",
        "getConfig",
        "reloadConfig",
      ]),
    );
  });

  it("drains, fails over and brings back without a failed call", async () => {
    await api("POST", "/api/servers/a-2/enable", {});
    await gateway.untilReady(["a-1", "a-2"]);
    expect((await api("POST", "/api/servers/a-1/drain", {})).body).toEqual({ done: true });
    expect(await gateway.replica("a-1")).toMatchObject({ status: "draining" });
    expect(await api("POST", "/api/servers/a-2/failover", {})).toMatchObject({
      status: 409,
      body: { error: { code: "CONFLICT" } },
    });
    await api("POST", "/api/servers/a-1/undrain", {});
    await gateway.untilReady(["a-1"]);
  });

  it.each([
    ["POST", "/api/servers/nobody/drain", {}, 404, "NOT_FOUND"],
    ["POST", "/api/servers", { pool: "a", server: { command: "node", args: ["x.js"] } }, 403, "FORBIDDEN"],
    [
      "POST",
      "/api/servers",
      { pool: "a", server: { url: "http://169.254.169.254/latest" } },
      403,
      "FORBIDDEN",
    ],
    ["POST", "/api/servers", { pool: "a", server: { urll: "http://127.0.0.1:1/mcp" } }, 400, "INVALID_INPUT"],
    ["POST", "/api/servers", { pool: "a", server: {}, extra: 1 }, 400, "INVALID_INPUT"],
    ["POST", "/api/servers", { pool: "../x", server: { url: "http://127.0.0.1:1" } }, 400, "INVALID_INPUT"],
    ["PATCH", "/api/servers/a-1", { patch: { command: "bash", args: ["-c", "id"] } }, 403, "FORBIDDEN"],
    ["PATCH", "/api/servers/a-1", { patch: { env: { NODE_OPTIONS: "--require x" } } }, 403, "FORBIDDEN"],
    ["POST", "/api/clients/nobody/reset", {}, 404, "NOT_FOUND"],
    ["PUT", "/api/servers/a-1", {}, 405, "METHOD_NOT_ALLOWED"],
    ["GET", "/api/nothing", undefined, 404, "NOT_FOUND"],
  ])("refuses %s %s %j with %d %s", async (method, path, body, status, code) => {
    expect(await api(method, path, body)).toMatchObject({ status, body: { error: { code } } });
  });

  it("takes JSON only, of a sensible size and depth", async () => {
    const send = async (type: string, body: string): Promise<number> =>
      (
        await fetch(`${gateway.url}/api/servers`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": type },
          body,
        })
      ).status;
    expect(await send("application/x-www-form-urlencoded", "pool=a")).toBe(415);
    expect(await send("text/plain", '{"pool":"a"}')).toBe(415);
    expect(await send("application/json", "[1]")).toBe(400);
    expect(await send("application/json", "{")).toBe(400);
    expect(await send("application/json", `{"pool":${"[".repeat(50)}${"]".repeat(50)}}`)).toBe(400);
    expect(await send("application/json", '{"__proto__":{"polluted":1},"pool":"a","server":{}}')).toBe(400);
    expect(await send("application/json", `{"pool":"${"x".repeat(300_000)}"}`)).toBe(413);
  });

  it("streams what happens, and goes on where a watcher left off", async () => {
    const watch = async (
      headers: Record<string, string>,
      until: (text: string) => boolean,
    ): Promise<string> => {
      const stop = new AbortController();
      const response = await fetch(`${gateway.url}/api/events`, {
        headers: { authorization: `Bearer ${token}`, ...headers },
        signal: stop.signal,
      });
      let text = "";
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString();
        if (until(text)) break;
      }
      stop.abort();
      return text;
    };
    const first = watch({}, (text) => text.includes("event: admin-change"));
    // The stream may open after the change; then the next one is seen.
    const poke = setInterval(() => void api("POST", "/api/servers/a-1/undrain", {}), 200);
    const text = await first;
    clearInterval(poke);
    const [, sequence = "0"] = /id: (\d+)/.exec(text) ?? [];
    expect(text).toContain('"operation":"undrainServer"');
    const resumed = await watch({ "last-event-id": String(Number(sequence) - 1) }, (more) =>
      more.includes("id: "),
    );
    expect(resumed).toContain(`id: ${sequence}\n`);
  });
});

describe("the operations as MCP tools", () => {
  it.each(["2025-11-25", "2026-07-28"])(
    "serve operators of revision %s, and nobody else",
    async (version) => {
      const client = new Client(
        { name: "agent", version: "1" },
        version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {},
      );
      const transport = new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp/fairlead`), {
        requestInit: { headers: { authorization: `Bearer ${token}` } },
      });
      await client.connect(transport);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["get_status", "drain_server", "add_server"]),
      );
      const status = await client.callTool({ name: "get_status", arguments: {} });
      const [content] = status.content as { text: string }[];
      expect(JSON.parse(content?.text ?? "")).toMatchObject({ name: "fairlead", pools: expect.any(Array) });
      expect(await client.callTool({ name: "drain_server", arguments: { id: "nobody" } })).toMatchObject({
        isError: true,
      });
      const forbidden = await client.callTool({
        name: "add_server",
        arguments: { pool: "a", server: { command: "node", args: ["-e", "1"] } },
      });
      expect(forbidden).toMatchObject({ isError: true });
      await client.close();

      const response = await fetch(`${gateway.url}/mcp/fairlead`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
      });
      expect(response.status).toBe(403);
    },
  );
});

describe("changes that are kept", () => {
  it("are written into the file beside its comments, and a reload changes nothing more", async () => {
    const before = await readFile(gateway.file, "utf8");
    const { body } = await api("POST", "/api/servers", {
      pool: "a",
      server: { id: "a-kept", url: "http://127.0.0.1:9/mcp", enabled: false },
      persist: true,
    });
    expect(body).toEqual({ id: "a-kept" });
    expect(await readFile(gateway.file, "utf8")).toContain("a-kept");
    expect((await api("POST", "/api/config/reload", {})).body).toMatchObject({ ok: true });
    expect(await gateway.replica("a-kept")).toMatchObject({ status: "disabled" });
    expect((await api("PATCH", "/api/servers/a-kept", { patch: { weight: 7 }, persist: true })).status).toBe(
      200,
    );
    expect(await readFile(gateway.file, "utf8")).toMatch(/"?weight"?: 7/);
    expect((await api("DELETE", "/api/servers/a-kept?persist=true")).body).toEqual({ done: true });
    expect(await readFile(gateway.file, "utf8")).not.toContain("a-kept");
    await writeFile(gateway.file, before);
  });

  it("say so when the file has no place for them", async () => {
    expect(
      (
        await api("POST", "/api/servers", {
          pool: "a",
          server: { id: "temp", url: "http://127.0.0.1:9/mcp", enabled: false },
        })
      ).status,
    ).toBe(200);
    expect(await api("PATCH", "/api/servers/temp", { patch: { weight: 2 }, persist: true })).toMatchObject({
      status: 422,
      body: { error: { code: "INVALID_CONFIG" } },
    });
    await api("DELETE", "/api/servers/temp");
  });
});

it("keeps the operators' token in a file that only its user can read, and takes it away at the end", async () => {
  const own = await startGateway({ pools: { a: { upstreams: [stdioFixture()] } } });
  const path = `${own.directory}/fairlead/admin-${new URL(own.url).port}.token`;
  const { stat } = await import("node:fs/promises");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await own.adminToken()).toMatch(/^flk_/);
  own.process.kill("SIGTERM");
  await waitUntil(
    async () =>
      stat(path).then(
        () => false,
        () => true,
      ),
    { timeoutMs: 20_000, what: "the token to be gone" },
  );
  await own[Symbol.asyncDispose]();
});
