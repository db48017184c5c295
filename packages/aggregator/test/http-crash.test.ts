// The only server behind a URL crashes under many calls, and comes back: whoever may be asked again waits for it.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { expect, it } from "vitest";
import { start } from "./harness.ts";

const INFO = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "s", version: "1" },
};
const TOOLS = [{ name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }];

/** With `holds` it does not answer tools, so that calls are under way when it crashes. */
async function serve(port: number, { holds }: { readonly holds: boolean }): Promise<Server> {
  const server = createServer((request, response) => {
    void request.toArray().then((parts) => {
      if (request.method !== "POST") {
        response.writeHead(405).end();
        return;
      }
      const { id, method } = JSON.parse(parts.join("")) as { id?: number; method: string };
      if (id === undefined) {
        response.writeHead(202).end();
        return;
      }
      const result =
        method === "initialize" ? INFO : method === "tools/list" ? { tools: TOOLS } : { content: [] };
      if (method === "tools/call" && holds) return;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** What the system does with a connection to a process that is just ending: takes it, and breaks it. */
async function resetOne(port: number): Promise<TcpServer> {
  const server = createTcpServer((socket) =>
    socket.once("data", () => {
      socket.resetAndDestroy();
      server.close();
    }),
  );
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

it("calls that may be repeated wait for a crashed server to come back, although its breaker opened", async () => {
  let server = await serve(0, { holds: true });
  const { port } = server.address() as AddressInfo;
  try {
    await using harness = await start({
      pools: [
        {
          namespace: "p",
          queueTimeoutMs: 10_000,
          upstreams: [{ transport: "streamable-http", era: "legacy", url: `http://127.0.0.1:${port}/mcp` }],
        },
      ],
    });
    const calls: Promise<{ readonly error: unknown }>[] = [];
    const callMany = (): void => {
      for (let at = 0; at < 30; at++) calls.push(harness.call("p__read"));
    };
    callMany();
    await expect.poll(() => harness.multiplexer.getStatus().pools[0]?.replicas[0]?.inFlight).toBe(30);
    // Each of these fails at once, more than the breaker bears; those that come now meet it open.
    server.closeAllConnections();
    server.close();
    const dying = await resetOne(port);
    callMany();
    await once(dying, "close");
    callMany();
    await expect.poll(() => harness.multiplexer.getStatus().pools[0]?.replicas[0]?.status).not.toBe("ready");
    callMany();
    server = await serve(port, { holds: false });
    const answers = await Promise.all(calls);
    expect(answers.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(answers).toHaveLength(120);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}, 30_000);
