// What servers of both eras are told of the trace that a call belongs to, with and without spans of the gateway's own.
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { createMultiplexer, type MultiplexerConfig, type RequestWatch } from "@fairlead/aggregator";
import { createRawClient, type RawClient } from "@fairlead/testbed";
import { afterEach, describe, expect, it } from "vitest";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Heard {
  readonly server: string;
  readonly headers: IncomingHttpHeaders;
  readonly meta: Readonly<Record<string, unknown>> | undefined;
}
type Era = "legacy" | "modern";
interface Message {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly _meta?: Heard["meta"] };
}

const TOOLS = {
  tools: [{ name: "t", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }],
};
const RESULTS: Record<Era, Readonly<Record<string, object>>> = {
  legacy: {
    initialize: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: {} },
      serverInfo: { name: "s", version: "1" },
    },
    "tools/list": TOOLS,
  },
  modern: {
    "server/discover": {
      resultType: "complete",
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {} },
      ttlMs: 0,
      cacheScope: "private",
    },
    "tools/list": { resultType: "complete", ...TOOLS, ttlMs: 0, cacheScope: "private" },
  },
};

/** Answers a call of its tool with what `answer` says: a status, or nothing until it is let go. */
async function upstream(
  server: string,
  era: Era,
  heard: Heard[],
  answer: () => number | Promise<number> = () => 200,
): Promise<MultiplexerConfig["pools"][number]["upstreams"][number]> {
  const listener = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString();
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(body) as Message;
      let status = 200;
      if (method === "tools/call") {
        heard.push({ server, headers: request.headers, meta: params?._meta });
        status = await answer();
      }
      response.writeHead(id === undefined ? 202 : status, { "content-type": "application/json" });
      const result = RESULTS[era][method] ?? { content: [{ type: "text", text: server }] };
      return response.end(id === undefined ? "" : JSON.stringify({ jsonrpc: "2.0", id, result }));
    })();
  });
  const port = await listen(listener);
  return { id: server, transport: "streamable-http", url: `http://127.0.0.1:${port}/mcp`, era };
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  closing.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function gateway(
  pool: Omit<MultiplexerConfig["pools"][number], "namespace">,
  watch?: RequestWatch,
): Promise<RawClient> {
  const multiplexer = createMultiplexer(
    { pools: [{ namespace: "a", healthCheck: { intervalMs: 0 }, ...pool }] },
    watch === undefined ? {} : { gate: { admit: () => watch } },
  );
  closing.push(() => multiplexer.close());
  await multiplexer.initialize();
  const port = await listen(createServer((request, response) => multiplexer.handler(request, response)));
  const client = createRawClient(`http://127.0.0.1:${port}/mcp`);
  closing.push(() => client.close());
  return client;
}

const SENT = {
  traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
  tracestate: "v=1",
  baggage: "user=7",
};

async function call(client: RawClient, era: Era, meta: object, headers = {}): Promise<void> {
  const params = { name: "a__t", arguments: {}, _meta: meta };
  const answer =
    era === "modern"
      ? (await client.modern("tools/call", params, { headers: { "mcp-name": "a__t", ...headers } }))
          .messages[0]
      : await client.request("tools/call", params, { headers });
  expect(answer).toHaveProperty("result");
}

const pairs = (["legacy", "modern"] as const).flatMap((client) =>
  (["legacy", "modern"] as const).map((server) => [client, server] as const),
);

describe.each(pairs)("a %s client's call of a %s server", (clientEra, serverEra) => {
  it("carries the client's own context, in header fields and in _meta, each as it came", async () => {
    const heard: Heard[] = [];
    const client = await gateway({ upstreams: [await upstream("s", serverEra, heard)] });
    const inMeta = { ...SENT, traceparent: `00-${"c".repeat(32)}-${"d".repeat(16)}-00`, own: 1 };
    await call(client, clientEra, inMeta, SENT);
    expect(heard).toEqual([
      { server: "s", headers: expect.objectContaining(SENT), meta: expect.objectContaining(inMeta) },
    ]);
  });

  it("names the attempt's span in both, whichever the client used", async () => {
    const heard: Heard[] = [];
    const spans: string[] = [];
    const ended: string[] = [];
    const client = await gateway(
      { upstreams: [await upstream("s", serverEra, heard)] },
      {
        onAttemptStart() {
          spans.push(`00-${"e".repeat(32)}-${String(spans.length).padStart(16, "1")}-01`);
          return { traceparent: spans.at(-1) ?? "", tracestate: "v=2" };
        },
        onAttempt: ({ trace }) => void ended.push(trace?.traceparent ?? ""),
      },
    );
    await call(client, clientEra, {}, SENT);
    await call(client, clientEra, { ...SENT, own: 1 });
    expect(heard.map(({ headers }) => headers["traceparent"])).toEqual(spans);
    expect(heard.map(({ meta }) => meta?.["traceparent"])).toEqual(spans);
    expect(heard.map(({ meta }) => meta?.["tracestate"])).toEqual(["v=2", "v=2"]);
    expect(heard[0]?.headers["baggage"]).toBe(SENT.baggage);
    expect(heard[1]?.meta).toMatchObject({ own: 1, baggage: SENT.baggage });
    expect(ended).toEqual(spans);
  });
});

describe("each attempt of a call", () => {
  function spans(): { readonly watch: RequestWatch; readonly ended: [string, string, boolean][] } {
    const ended: [string, string, boolean][] = [];
    let next = 0;
    return {
      ended,
      watch: {
        onAttemptStart: () => ({ traceparent: `span-${++next}` }),
        onAttempt: ({ upstream: id, trace, isHedge }) =>
          void ended.push([id, trace?.traceparent ?? "", isHedge]),
      },
    };
  }
  const seen = (heard: readonly Heard[]): unknown =>
    heard.map(({ server, headers, meta }) => [server, headers["traceparent"], meta?.["traceparent"]]);

  it("has a span of its own when the call fails over", async () => {
    const heard: Heard[] = [];
    const { watch, ended } = spans();
    const upstreams = [
      await upstream("bad", "legacy", heard, () => 500),
      await upstream("good", "modern", heard),
    ];
    const client = await gateway({ upstreams, strategy: "round-robin", maxAttempts: 3 }, watch);
    await call(client, "legacy", {});
    if (heard.length === 1) await call(client, "legacy", {});
    const failed = heard.findIndex(({ server }) => server === "bad");
    const attempts = heard.slice(failed);
    expect(seen(attempts)).toEqual([
      ["bad", `span-${failed + 1}`, `span-${failed + 1}`],
      ["good", `span-${failed + 2}`, `span-${failed + 2}`],
    ]);
    expect(ended.slice(failed)).toEqual([
      ["bad", `span-${failed + 1}`, false],
      ["good", `span-${failed + 2}`, false],
    ]);
  });

  it("has a span of its own when it is a hedge, and the loser's ends too", async () => {
    const heard: Heard[] = [];
    const { watch, ended } = spans();
    let isFirst = true;
    // Whoever is asked first does not answer.
    const answer = (): number | Promise<number> => {
      if (!isFirst) return 200;
      isFirst = false;
      return new Promise(() => {});
    };
    const ends: unknown[] = [];
    const client = await gateway(
      {
        upstreams: [
          await upstream("x", "legacy", heard, answer),
          await upstream("y", "modern", heard, answer),
        ],
        hedge: { delayMs: 1 },
      },
      { ...watch, onEnd: ({ upstream: id, attempts }) => void ends.push([id, attempts]) },
    );
    await call(client, "modern", {});
    const [loser, winner] = heard.map(({ server }) => server);
    expect(seen(heard)).toEqual([
      [loser, "span-1", "span-1"],
      [winner, "span-2", "span-2"],
    ]);
    expect(ended).toEqual([
      [winner, "span-2", true],
      [loser, "span-1", false],
    ]);
    expect(ends).toEqual([[winner, 2]]);
  });
});
