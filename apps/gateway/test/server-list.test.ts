// Files in the format of `multi_server_config.yaml` as a team has them: loaded as they stand, and started against servers at
// their addresses. Both files stay untouched but for what no machine can have: the placeholder `server:port` of the first,
// which is no URL, and a port of the second that somebody else listens on (which the test then says).
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createRawClient } from "@fairlead/testbed";
import { afterEach, expect, it } from "vitest";
import { startGateway } from "./gateway.ts";

const documented = join(import.meta.dirname, "seed/multi_server_config.yaml");
const example = join(import.meta.dirname, "../../../examples/config/multi_server_config.yaml");

interface StandIn {
  readonly port: number;
  readonly heard: IncomingHttpHeaders[];
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server with the tool `where`, on the port that is wanted if it is free. */
async function standIn(name: string, wanted: number): Promise<StandIn> {
  const heard: IncomingHttpHeaders[] = [];
  const results: Readonly<Record<string, object>> = {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name, version: "1" },
    },
    "tools/list": { tools: [{ name: "where", inputSchema: { type: "object" } }] },
    "tools/call": { content: [{ type: "text", text: name }] },
  };
  const server = createServer((request, response) => {
    heard.push(request.headers);
    void request.toArray().then((chunks) => {
      if (request.method !== "POST" || request.url !== "/mcp") return response.writeHead(405).end();
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: number; method: string };
      if (id === undefined) return response.writeHead(202).end();
      const result = results[method];
      const answer =
        result === undefined ? { error: { code: -32601, message: "no such method" } } : { result };
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    });
  });
  servers.push(server);
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  await listen(wanted).catch(() => {
    console.log(`port ${wanted} is taken; ${name} listens on another one, and the file is changed for it`);
    return listen(0);
  });
  return { port: (server.address() as AddressInfo).port, heard };
}

async function calls(url: string, tool: string): Promise<unknown> {
  const client = createRawClient(`${url}/mcp`);
  const { result, error } = await client.request("tools/call", { name: tool, arguments: {} });
  client.close();
  return result ?? error;
}

it("start with the file of the documentation", async () => {
  const server = await standIn("server_name", 0);
  const text = (await readFile(documented, "utf8")).replace("server:port", `127.0.0.1:${server.port}`);
  await using gateway = await startGateway(text, ["--port", "0"], { ENV_VAR: "token-of-the-server" });
  await gateway.untilReady();
  const { pools } = await gateway.status();
  expect(pools).toMatchObject([{ namespace: "unique_namespace", replicas: [{ id: "server_name" }] }]);
  expect(await calls(gateway.url, "unique_namespace__where")).toEqual({
    content: [{ type: "text", text: "server_name" }],
  });
  expect(server.heard.length).toBeGreaterThan(2);
  for (const { authorization } of server.heard) expect(authorization).toBe("Bearer token-of-the-server");
});

it("say what is wrong with the placeholder, and which variable is missing", async () => {
  const text = await readFile(documented, "utf8");
  const withUrl = text.replace("server:port", "127.0.0.1:9");
  await expect(startGateway(withUrl)).rejects.toThrow(/:12:5: server_name\.auth\.token: .*ENV_VAR/);
  await expect(startGateway(text, ["--port", "0"], { ENV_VAR: "t0ken" })).rejects.toThrow(
    /:2:3: server_name\.url: is not a URL such as .*http:\/\/server:port\/mcp/,
  );
});

it("start with the example: the backup takes over, and what is switched off needs no token", async () => {
  const primary = await standIn("weather_primary", 8_001);
  const backup = await standIn("weather_backup", 8_002);
  const text = (await readFile(example, "utf8"))
    .replace("localhost:8001", `localhost:${primary.port}`)
    .replace("localhost:8002", `localhost:${backup.port}`);
  await using gateway = await startGateway(text, ["--port", "0"], { WEATHER_API_TOKEN: "weather-token" });
  await gateway.untilReady(["weather_primary", "weather_backup"]);
  const [weather, database] = (await gateway.status()).pools;
  expect(weather).toMatchObject({
    namespace: "weather",
    replicas: [{ id: "weather_primary" }, { id: "weather_backup" }],
  });
  expect(database).toMatchObject({ namespace: "database", replicas: [{ status: "disabled" }] });
  const from = (name: string): unknown => ({ content: [{ type: "text", text: name }] });
  expect(await calls(gateway.url, "weather__where")).toEqual(from("weather_primary"));
  for (const { authorization } of primary.heard) expect(authorization).toBe("Bearer weather-token");
  // The primary goes away: calls that find nobody there go on to the backup.
  const [gone] = servers.splice(0, 1);
  gone?.closeAllConnections();
  await new Promise((resolve) => gone?.close(resolve));
  expect(await calls(gateway.url, "weather__where")).toEqual(from("weather_backup"));
});
