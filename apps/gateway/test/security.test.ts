// What must hold on every route and in every output: an identity first, our own Host and Origin, and no secret anywhere.
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createRawClient, waitUntil } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDashboard } from "../src/dashboard.ts";
import { NO_LIMITS, startGateway, stdioFixture, type TestGateway } from "./gateway.ts";

const ADMIN = "canary-admin-token-0001";
const CLIENT = "canary-client-key-0002";
const UPSTREAM = "canary-upstream-token-0003";
const CHILD = "canary-child-secret-0004";
const FROM_FILE = "canary-from-file-0005";
/** Health, and the dashboard's files; what these show, they have to ask for (`dashboard.test.ts`). */
const PUBLIC = ["/livez", "/readyz", ...createDashboard().paths];
const CANARIES = [ADMIN, CLIENT, UPSTREAM, CHILD, FROM_FILE];

let gateway: TestGateway;
/** Everything that the upstream was sent. */
let captured = "";
const upstream = createServer((incoming, response) => {
  captured += JSON.stringify(incoming.rawHeaders);
  incoming.on("data", (chunk: Buffer) => {
    captured += chunk.toString();
  });
  incoming.on("end", () => {
    // A server that repeats in its complaint what it was sent.
    response.writeHead(500, { "content-type": "text/plain" });
    response.end(`denied for ${incoming.headers.authorization}`);
  });
});

interface Route {
  readonly method: string;
  readonly path: string;
}
let routes: Route[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const address = upstream.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const secretFile = join(import.meta.dirname, "..", "reports", `secret-${process.pid}`);
  const { mkdir, writeFile } = await import("node:fs/promises");
  await mkdir(join(import.meta.dirname, "..", "reports"), { recursive: true });
  await writeFile(secretFile, FROM_FILE);
  const reference = (name: string): string => `\${${name}}`;
  gateway = await startGateway(
    {
      admin: { token: reference("ADMIN_TOKEN") },
      logging: { level: "debug", audit: { file: reference("AUDIT_FILE") } },
      clients: { ...NO_LIMITS, anonymous: "never", known: { alice: { key: reference("ALICE_KEY") } } },
      pools: {
        a: {
          upstreams: [
            stdioFixture({ CHILD_SECRET: reference("CHILD_SECRET"), OTHER_TOKEN: `\${file:${secretFile}}` }),
          ],
        },
        broken: {
          upstreams: [
            {
              url: `http://127.0.0.1:${port}/mcp`,
              headers: { authorization: `Bearer ${reference("UPSTREAM_TOKEN")}` },
            },
          ],
        },
      },
    },
    ["--port", "0"],
    {
      ADMIN_TOKEN: ADMIN,
      ALICE_KEY: CLIENT,
      UPSTREAM_TOKEN: UPSTREAM,
      CHILD_SECRET: CHILD,
      AUDIT_FILE: join(import.meta.dirname, "..", "reports", `audit-${process.pid}.jsonl`),
    },
  );
  const document = (await (await authorized("GET", "/api/openapi.json", ADMIN)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  routes = [
    ...Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({
        method: method.toUpperCase(),
        path: path.replace("{id}", "a-1"),
      })),
    ),
    ...[
      "/",
      "/metrics",
      "/api/openapi.json",
      "/api/events",
      "/nowhere",
      "/api",
      "/admin/nowhere",
      "/mcp/nowhere",
    ].map((path) => ({
      method: "GET",
      path,
    })),
    ...["/mcp", "/mcp/a", "/mcp/fairlead"].flatMap((path) =>
      ["GET", "POST", "DELETE", "PUT", "OPTIONS"].map((method) => ({ method, path })),
    ),
  ];
  await waitUntil(
    async () => {
      const status = (await (await authorized("GET", "/api/status", ADMIN)).json()) as {
        pools: { replicas: { status: string }[] }[];
      };
      return status.pools[0]?.replicas[0]?.status === "ready";
    },
    { timeoutMs: 45_000, what: "the upstream to be ready" },
  );
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  upstream.close();
});

function authorized(method: string, path: string, key: string, body?: string): Promise<Response> {
  return fetch(`${gateway.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body }),
  });
}

/** One request with exactly these headers. */
function send(
  { method, path }: Route,
  headers: Record<string, string | string[]>,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${gateway.url}${path}`, { method, headers }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on("error", reject);
    outgoing.end(method === "POST" ? "{}" : undefined);
  });
}

const host = "127.0.0.1";

describe("every route", () => {
  it("answers 401 without credentials, and with wrong ones, before anything else", async () => {
    expect(routes.length).toBeGreaterThan(35);
    for (const route of routes)
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: `Bearer ${ADMIN}x` }])
        expect((await send(route, { host, ...headers })).status, `${route.method} ${route.path}`).toBe(401);
    // What anybody may ask: neither holds data.
    for (const path of PUBLIC) expect((await send({ method: "GET", path }, { host })).status, path).toBe(200);
  });

  it("that changes something, or shows what operators see, answers a client's key with 403", async () => {
    const document = (await (await authorized("GET", "/api/openapi.json", ADMIN)).json()) as {
      paths: Record<string, Record<string, { tags: string[] }>>;
    };
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, { tags }] of Object.entries(methods)) {
        if (!tags.includes("admin")) continue;
        const route = { method: method.toUpperCase(), path: path.replace("{id}", "a-1") };
        const { status } = await send(route, { host, authorization: `Bearer ${CLIENT}` });
        expect(status, `${route.method} ${route.path}`).toBe(403);
      }
  });

  it("answers 403 to a foreign Host or Origin, whatever the credentials", async () => {
    const foreign: Record<string, string | string[]>[] = [
      { host: "evil.example" },
      { host: "localhost.evil.example" },
      { host: "127.0.0.1.evil.example" },
      { host: "evil@127.0.0.1" },
      { host, origin: "http://evil.example" },
      { host, origin: "null" },
      { host, origin: "file://" },
      { host, origin: "http://localhost.evil.example" },
      { host, origin: "http://localhost@evil.example" },
      { host, origin: ["http://localhost", "http://evil.example"] },
    ];
    for (const route of [...routes, ...PUBLIC.map((path) => ({ method: "GET", path }))])
      for (const headers of foreign)
        expect(
          (await send(route, { ...headers, authorization: `Bearer ${ADMIN}` })).status,
          `${route.method} ${route.path} ${JSON.stringify(headers)}`,
        ).toBe(403);
  });

  it("is only reached by its plain path", async () => {
    const odd = [
      "/mcp/../api/status",
      "/api/%2e%2e/status",
      "/api%2Fstatus",
      "/api%5Cstatus",
      "//api/status",
      "/api//status",
      "/mcp/./a",
      "/api/status%00",
      "/api/\u00e9",
      "/mcp/..",
    ];
    for (const path of odd) {
      const status = await rawStatus(
        `GET ${encodeURI(path).replaceAll("%25", "%")} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${ADMIN}\r\nConnection: close\r\n\r\n`,
      );
      expect(status, path).toBe(400);
    }
  });

  it("does not fall for requests that two readers would split differently", async () => {
    const head = `POST /mcp HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${CLIENT}\r\nContent-Type: application/json\r\n`;
    for (const broken of [
      `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`,
      `${head}Transfer-Encoding: xchunked\r\n\r\n{}`,
      `${head}X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`,
      `GET /livez HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      `GET /livez HTTP/1.1\nHost: ${host}\n\n\0`,
    ])
      expect([400, 403], broken).toContain(await rawStatus(broken));
  });
});

function rawStatus(text: string): Promise<number> {
  const { port } = new URL(gateway.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), host, () => socket.end(text));
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)));
    socket.on("error", reject);
  });
}

describe("secrets", () => {
  it("appear in no answer, log line, metric, event or audit line, and upstreams see only their own", async () => {
    const outputs: string[] = [];
    for (const { method, path } of routes) {
      // The stream of events does not end by itself; what it says is asked for below.
      if (path === "/api/events" || (method === "GET" && path.startsWith("/mcp"))) continue;
      const changes = ["disable", "restart", "drain", "failover"].some((word) => path.endsWith(word));
      if (changes || method === "DELETE") continue;
      outputs.push(
        await (await authorized(method, path, ADMIN, method === "POST" ? "{}" : undefined)).text(),
      );
    }
    const client = createRawClient(`${gateway.url}/mcp`);
    const post = async (method: string, params: unknown): Promise<void> => {
      const answer = await client.post(
        { jsonrpc: "2.0", id: 1, method, params },
        {
          headers: {
            authorization: `Bearer ${CLIENT}`,
            cookie: "canary=cookie-0006",
            "x-forwarded-for": "canary-xff-0007",
          },
        },
      );
      outputs.push(answer.text);
    };
    await post("tools/list", {});
    await post("tools/call", { name: "a__echo", arguments: { message: "x" } });
    await post("tools/call", { name: "broken__anything", arguments: {} });
    await post("resources/read", { uri: `http://user:${CLIENT}@x` });
    client.close();
    outputs.push(await (await authorized("GET", "/api/events/recent", ADMIN)).text());
    outputs.push(gateway.process.stdout(), gateway.process.stderr());
    const audit = await readFile(
      join(import.meta.dirname, "..", "reports", `audit-${process.pid}.jsonl`),
      "utf8",
    );
    outputs.push(audit);
    expect(audit).toContain('"name":"a__echo"');
    const all = outputs.join("\n");
    expect(all.length).toBeGreaterThan(5_000);
    for (const canary of [...CANARIES, Buffer.from(UPSTREAM).toString("base64")])
      expect(all.includes(canary), canary).toBe(false);
    expect(captured).toContain(UPSTREAM);
    for (const canary of [ADMIN, CLIENT, "cookie-0006", "canary-xff-0007", CHILD, FROM_FILE])
      expect(captured.includes(canary), canary).toBe(false);
  });

  it("that are written into the file themselves are refused", async () => {
    const { loadConfig } = await import("../src/config/load.ts");
    const { writeFile, rm } = await import("node:fs/promises");
    const file = join(gateway.directory, "literal.yaml");
    await writeFile(
      file,
      "admin: { token: my-literal-token }\npools: { a: { upstreams: [{ command: x }] } }\n",
    );
    await expect(loadConfig(file)).rejects.toThrow(/admin\.token: holds the secret itself/);
    await rm(file);
  });
});
