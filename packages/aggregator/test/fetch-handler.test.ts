// The web-standard handler: Request in, Response out, no port anywhere on the client's side.
import { createMultiplexer, type Multiplexer } from "@fairlead/aggregator";
import { fixtureServerPath, readLedger, type TempDir, tempDir, waitUntil } from "@fairlead/testbed";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let multiplexer: Multiplexer;
let directory: TempDir;
const ledger = (): string => `${directory.path}/ledger`;

beforeAll(async () => {
  directory = await tempDir();
  multiplexer = createMultiplexer({
    pools: [
      {
        namespace: "fix",
        upstreams: [
          {
            transport: "stdio",
            command: process.execPath,
            args: [fixtureServerPath, "--stdio"],
            env: { FIXTURE_LEDGER: ledger() },
          },
        ],
      },
    ],
    limits: { maxRequestBytes: 100_000 },
  });
  await multiplexer.initialize({ settleMs: 30_000 });
});
afterAll(async () => {
  await multiplexer.close();
  await directory[Symbol.asyncDispose]();
});

interface Answer {
  readonly result?: { readonly content: readonly { readonly text: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

const url = "http://anything.example/mcp/fix?a=b";
const modern = (params: object): object => ({
  ...params,
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    progressToken: "p",
  },
});

function post(body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal): Request {
  return new Request(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const call = (name: string, args: object): object => ({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name, arguments: args },
});

const slow = (nonce: string, signal?: AbortSignal): Request =>
  post(
    {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: modern({ name: "slow", arguments: { nonce, delayMs: 60_000, steps: 1_200 } }),
    },
    {
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "slow",
    },
    signal,
  );

async function* events(response: Response): AsyncGenerator<Record<string, unknown>> {
  let text = "";
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream(),
  )) {
    text += chunk;
    const parts = text.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const data = part
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5));
      if (data.length > 0) yield JSON.parse(data.join("\n")) as Record<string, unknown>;
    }
  }
}

const cancelled = (nonce: string): Promise<true> =>
  waitUntil(() => readLedger(ledger()).cancelled.has(nonce), {
    what: "the server to hear of the cancellation",
  });

describe("fetch", () => {
  it("answers with JSON", async () => {
    const response = await multiplexer.fetch(post(call("echo", { message: "hello" })));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(((await response.json()) as Answer).result?.content[0]?.text).toBe("hello");
  });

  it.each<[string, () => Request, number]>([
    ["another path", () => new Request("http://anything.example/other"), 404],
    [
      "a pool that is not there",
      () => new Request("http://anything.example/mcp/other", { method: "POST" }),
      404,
    ],
    ["another method", () => new Request(url, { method: "PUT" }), 405],
    ["a body of another type", () => post("x", { "content-type": "text/plain" }), 415],
    ["no JSON", () => post("{"), 400],
    ["a body that is too long", () => post({ ...call("echo", { message: "x".repeat(200_000) }) }), 413],
    ["an unknown session", () => post(call("echo", {}), { "mcp-session-id": "nonsense" }), 404],
  ])("refuses %s", async (_what, request, status) => {
    const response = await multiplexer.fetch(request());
    expect(response.status).toBe(status);
    expect(response.headers.has("connection")).toBe(false);
    expect(((await response.json()) as Answer).error).toBeDefined();
  });

  it("streams progress as it comes; who closes the stream cancels the call", async () => {
    const response = await multiplexer.fetch(slow("closed"));
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const seen: unknown[] = [];
    // Leaving the loop cancels the body.
    for await (const event of events(response)) {
      seen.push((event["params"] as Record<string, unknown>)["progress"]);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([1, 2, 3]);
    await cancelled("closed");
  });

  it("takes the signal of the request for the client going away", async () => {
    const controller = new AbortController();
    const response = await multiplexer.fetch(slow("aborted", controller.signal));
    const reading = (async () => {
      for await (const _event of events(response)) controller.abort();
    })();
    await expect(reading).rejects.toThrow();
    await cancelled("aborted");
    const late = await multiplexer.fetch(post(call("echo", {}), {}, AbortSignal.abort()));
    expect(late.status).toBe(499);
  });

  it("answers nobody who breaks off while sending", async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"jsonrpc":'));
        controller.error(new Error("cable cut"));
      },
    });
    const request = new Request(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit);
    expect((await multiplexer.fetch(request)).status).toBe(499);
  });

  it("passes large answers at the reader's pace, whole", async () => {
    const response = await multiplexer.fetch(post(call("big", { bytes: 5_000_000 })));
    let length = 0;
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      length += chunk.length;
      await new Promise(setImmediate);
    }
    expect(length).toBe(Number(response.headers.get("content-length")));
    expect(length).toBeGreaterThan(5_000_000);
  });

  it.each(["2025-11-25", "2026-07-28"])("serves the official client, %s", async (version) => {
    const client = new Client(
      { name: "test", version: "1" },
      version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {},
    );
    await client.connect(
      new StreamableHTTPClientTransport(new URL("http://anything.example/mcp"), {
        fetch: (input, init) => multiplexer.fetch(new Request(input, init)),
      }),
    );
    const progress: number[] = [];
    const result = await client.callTool(
      { name: "fix__slow", arguments: { nonce: version, delayMs: 100, steps: 4 } },
      { onprogress: (update) => progress.push(update.progress) },
    );
    expect(result.isError ?? false).toBe(false);
    expect(progress).toEqual([1, 2, 3, 4]);
    await client.close();
  });

  it("keeps a session to the caller that opened it", async () => {
    const initialize = {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
    };
    const opened = await multiplexer.fetch(post(initialize), { id: "ada" });
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" };
    expect((await multiplexer.fetch(post(ping, session), { id: "ada" })).status).toBe(200);
    expect((await multiplexer.fetch(post(ping, session), { id: "bob" })).status).toBe(404);
    const end = new Request(url, { method: "DELETE", headers: session });
    expect((await multiplexer.fetch(end, { id: "ada" })).status).toBe(200);
  });
});
