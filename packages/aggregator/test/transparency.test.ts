// What the gateway has no business with arrives byte for byte: what no schema knows, what no double holds, in both
// directions and between all pairs of eras. The oracle is what was sent; the SDKs drop or change much of it.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer } from "@fairlead/aggregator";
import { createRawClient, type RawClient } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";

type Era = "legacy" | "modern";
type Framing = "json" | "sse";

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

const TOOL = `{"name":"t", "x-unknown":12345678901234567890,"inputSchema":{"type":"object","x-acme":[1.0]}, "annotations":{"readOnlyHint":true,"acme":{"z":1,"a":2}}}`;
/** An unknown content type, unknown keys, integers beyond 2^53, spaces, escapes, keys out of order. */
const CONTENT = `"content" :[{"type":"hologram","n":9007199254740993,"z":1,"a":2},{"type":"text","text":"\\u00e9 \\/","acme":[1.10,-0.0,1e400]}]`;
const EXTRA = `"acme":{"y":18446744073709551615, "x":null},"_meta":{"acme/trace":"00-1"}`;
const ARGUMENTS = `{"big":12345678901234567890,"b":1, "a":[1.10,-0.0],"é":"\\u00e9"}`;
const ERROR = `{"code":-31999,"message":"no \\/","data":{"n":9007199254740993, "acme":[]}}`;
const PROGRESS = `"progress":9007199254740993,"acme":{"b":1, "a":2}`;

/** What the server answers, printed by hand. */
const results: Readonly<Record<string, (era: Era) => string>> = {
  "tools/call": (era) => `{${kind(era)}${CONTENT},${EXTRA}, "isError":false}`,
  "resources/read": (era) =>
    `{${kind(era)}${caching(era)}"contents":[{"uri":"x:1","acme":9007199254740993,"text":"\\u00e9"}], ${EXTRA}}`,
  "prompts/get": (era) =>
    `{${kind(era)}"messages":[{"role":"user", "content":{"type":"hologram","n":9007199254740993}}],${EXTRA}}`,
};
const lists: Readonly<Record<string, string>> = {
  "tools/list": `"tools":[${TOOL}]`,
  "resources/list": `"resources":[{"uri":"x:1","name":"x","acme":9007199254740993}]`,
  "resources/templates/list": `"resourceTemplates":[]`,
  "prompts/list": `"prompts":[{"name":"p", "acme":9007199254740993}]`,
};
const CAPABILITIES = `{"tools":{},"resources":{},"prompts":{}}`;
const kind = (era: Era): string => (era === "modern" ? `"resultType" : "complete",` : "");
const caching = (era: Era): string => (era === "modern" ? `"ttlMs":5,"cacheScope":"private",` : "");

interface Started {
  readonly client: RawClient;
  /** Bodies of what was asked for, but lists and handshakes. */
  readonly asked: string[];
}

async function start(server: Era, client: Era, framing: Framing): Promise<Started> {
  const asked: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const text = (await request.toArray()).join("");
    const {
      id,
      method = "",
      params,
    } = JSON.parse(text || "{}") as {
      id?: number;
      method?: string;
      params?: { _meta?: { progressToken?: unknown } };
    };
    if (id === undefined) {
      response.writeHead(request.method === "GET" ? 405 : 202).end();
      return;
    }
    const own = results[method];
    if (own !== undefined) asked.push(text);
    const list = lists[method];
    const listed = list === undefined ? "{}" : `{${kind(server)}${caching(server)}${list}}`;
    const hello =
      server === "legacy"
        ? `{"protocolVersion":"2025-11-25","capabilities":${CAPABILITIES},"serverInfo":{"name":"s","version":"1"}}`
        : `{${kind(server)}${caching(server)}"supportedVersions":["2026-07-28"],"capabilities":${CAPABILITIES}}`;
    const isHello = method === "initialize" || method === "server/discover";
    const result = isHello ? hello : (own?.(server) ?? listed);
    // As long as what it was asked.
    const long = text.length < 5_000 ? result : `{"long":"${"é".repeat(text.length)}",${result.slice(1)}`;
    const body = method === "completion/complete" ? `"error":${ERROR}` : `"result":${long}`;
    const answer = `{"acme":[1.0],"jsonrpc":"2.0", ${body} ,"id":${id}}`;
    if (framing === "json" || own === undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(answer);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const token = params?._meta?.progressToken;
    if (token !== undefined)
      response.write(
        `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{${PROGRESS},"progressToken":${JSON.stringify(token)}}}\n\n`,
      );
    response.end(`data: ${answer}\n\n`);
  };
  const url = await listen(createServer((request, response) => void serve(request, response)));
  const multiplexer = createMultiplexer({
    pools: [{ namespace: "p", upstreams: [{ transport: "streamable-http", url, era: server }] }],
  });
  await multiplexer.initialize();
  closing.push(() => multiplexer.close());
  const front = await listen(
    createServer((request, response) => void multiplexer.handler(request, response)),
  );
  const raw = createRawClient(`${front}/p`);
  closing.push(() => raw.close());
  if (client === "legacy") await raw.initialize();
  return { client: raw, asked };
}

const MODERN_META =
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}';

/** Posts a request that is printed by hand; `params` without the closing brace of an object that ends with `_meta`. */
async function ask(client: RawClient, era: Era, method: string, params: string): Promise<string> {
  const meta = era === "modern" ? `,${MODERN_META}` : "";
  const text = `{"id" : "c-1","acme":[1.0],"jsonrpc":"2.0","params":{${params},"x-extra":18446744073709551615, "_meta":{"acme/k":{"b":1, "a":2},"progressToken":"p"${meta}}},"method":"${method}"}`;
  const [, name] = /"(?:name|uri)":"([^"]*)"/.exec(params) ?? [];
  const headers =
    era === "modern"
      ? {
          "mcp-session-id": undefined,
          "mcp-protocol-version": "2026-07-28",
          "mcp-method": method,
          "mcp-name": name,
        }
      : {};
  return (await client.post(text, { headers })).text;
}

const eras: readonly Era[] = ["legacy", "modern"];
const cells = eras.flatMap((client) =>
  eras.flatMap((server) =>
    (["json", "sse"] as const).map((framing): [Era, Era, Framing] => [client, server, framing]),
  ),
);

describe.each(cells)("a %s client of a %s server that answers with %s", (era, server, framing) => {
  it.each([
    ["tools/call", `"arguments":${ARGUMENTS},"name":"t"`],
    ["resources/read", `"uri":"x:1"`],
    ["prompts/get", `"name":"p", "arguments":{"é":"\\u00e9"}`],
  ])("gets and sends what no schema knows: %s", async (method, params) => {
    const { client, asked } = await start(server, era, framing);
    const text = await ask(client, era, method, params);
    // A modern client of a legacy server is told of the kind of result in front of what that server said.
    const result = results[method]?.(server) ?? "";
    expect(text).toContain(result.slice(1));
    expect(text).toMatch(/\{"acme":\[1\.0\],"jsonrpc":"2\.0", "result":\{.*\} ,"id":"c-1"\}/);
    if (framing === "sse") expect(text).toContain(`{${PROGRESS},"progressToken":"p"}`);

    const [sent = ""] = asked;
    expect(sent).toMatch(/^\{"id" : \d+,"acme":\[1\.0\],"jsonrpc":"2\.0","params":\{/);
    expect(sent).toContain(`${params},"x-extra":18446744073709551615, "_meta":{`);
    expect(sent).toContain(`"acme/k":{"b":1, "a":2},"progressToken":`);
    if (era === server) {
      const meta = era === "modern" ? `,${MODERN_META}` : "";
      expect(sent.replace(/"id" : \d+/, '"id" : "c-1"').replace(/("progressToken":)\d+/, '$1"p"')).toBe(
        `{"id" : "c-1","acme":[1.0],"jsonrpc":"2.0","params":{${params},"x-extra":18446744073709551615, "_meta":{"acme/k":{"b":1, "a":2},"progressToken":"p"${meta}}},"method":"${method}"}`,
      );
    }
  });

  it.each([10_000, 400_000])("the same in messages of %d bytes", async (bytes) => {
    const { client, asked } = await start(server, era, framing);
    const args = `"arguments":{"long":"${"x".repeat(bytes)}", "n":9007199254740993},"name":"t"`;
    const text = await ask(client, era, "tools/call", args);
    expect(text.length).toBeGreaterThan(bytes);
    expect(text.includes(`ééé",${(results["tools/call"]?.(server) ?? "").slice(1)} ,"id":"c-1"}`)).toBe(true);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.includes(`${args},"x-extra":18446744073709551615, "_meta":{`)).toBe(true);
  });

  it("gets lists with what no schema knows", async () => {
    const { client } = await start(server, era, framing);
    const list = async (method: string): Promise<string> =>
      era === "legacy"
        ? (await client.post({ jsonrpc: "2.0", id: 1, method })).text
        : (await client.modern(method)).text;
    expect(await list("tools/list")).toContain(TOOL);
    expect(await list("resources/list")).toContain('{"uri":"x:1","name":"x","acme":9007199254740993}');
    expect(await list("prompts/list")).toContain('{"name":"p", "acme":9007199254740993}');
  });
});

it.each(cells)(
  "a %s client of a %s server gets errors as they were printed (%s)",
  async (era, server, framing) => {
    const { client } = await start(server, era, framing);
    const text = await ask(client, era, "completion/complete", `"ref":{"type":"ref/prompt", "name":"p"}`);
    expect(text).toContain(`"error":${ERROR}`);
  },
);
