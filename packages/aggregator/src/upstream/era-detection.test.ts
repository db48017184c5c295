// Real processes and servers, which write down what they are asked.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "@fairlead/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { UpstreamConfig } from "../config.ts";
import type { Era } from "../era.ts";
import { ControlError, ownHello } from "./control.ts";
import { createEraMemory, type EraMemory, verdictOf } from "./era-detection.ts";
import { type OpenUpstream, openUpstream } from "./target.ts";

const discovered = {
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  capabilities: {},
  ttlMs: 0,
  cacheScope: "private",
};
const initialized = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  serverInfo: { name: "s", version: "1" },
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(config: UpstreamConfig, era: EraMemory, asked: string[]): Promise<OpenUpstream> {
  const upstream = await openUpstream(
    config,
    { onServerNotification: () => {}, onDown: () => {} },
    {
      era,
      clientInfo: { name: "test", version: "1" },
      hello: ownHello({ name: "test", version: "1" }),
      startTimeoutMs: 20_000,
      maxMessageBytes: 100_000,
      maxDepth: 64,
      clock: systemClock,
      signal: new AbortController().signal,
      onStderr: (text) => asked.push(...text.split("\n")),
    },
  );
  closing.push(upstream.close);
  return upstream;
}

/** A process that says on stderr what it is asked, and does what `answers` says. */
const script = (answers: string): UpstreamConfig => ({
  transport: "stdio",
  command: process.execPath,
  args: [
    "-e",
    `const say = (body) => console.log(JSON.stringify({ jsonrpc: "2.0", ...body }));
     require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
       const { id, method } = JSON.parse(line);
       if (id !== undefined) process.stderr.write(method + "\\n");
       ${answers}
     });`,
  ],
});
/** What a process writes to stderr may arrive behind its answers. */
async function wasAsked(asked: string[], methods: string[]): Promise<void> {
  await vi.waitFor(() => expect(asked).toEqual(methods));
}
const LEGACY = `if (method === "initialize") say({ id, result: ${JSON.stringify(initialized)} });`;

describe("detection over stdio", () => {
  it("asks a modern server once, and never again", async () => {
    const asked: string[] = [];
    const config = script(`say({ id, result: ${JSON.stringify(discovered)} });`);
    const era = createEraMemory();
    expect((await open(config, era, asked)).info).toMatchObject({
      era: "modern",
      protocolVersion: "2026-07-28",
    });
    await open(config, era, asked);
    await wasAsked(asked, ["server/discover", "server/discover"]);
  });

  it.each([
    ["an error", 'else if (id !== undefined) say({ id, error: { code: -32601, message: "no" } });'],
    ["a result of something else", "else if (id !== undefined) say({ id, result: {} });"],
    ["its end", "else if (id !== undefined) process.exit(1);"],
    ["nothing", ""],
  ])("opens a fresh process for a server that answers with %s, and remembers", async (_what, otherwise) => {
    const asked: string[] = [];
    const config = script(`${LEGACY} ${otherwise}`);
    const era = createEraMemory();
    const first = await open(config, era, asked);
    expect(first.info.era).toBe("legacy");
    const second = await open(config, era, asked);
    expect(second.pid).not.toBe(first.pid);
    await wasAsked(asked, ["server/discover", "initialize", "initialize"]);
  });

  it("lets the first process end in order before it starts the second", async () => {
    const asked: string[] = [];
    const farewell = `process.on("SIGTERM", () => process.exit());
      process.on("exit", () => require("node:fs").writeSync(2, "bye\\n"));`;
    const config = script(`${LEGACY} else if (id !== undefined) { ${farewell} say({ id, result: {} }); }`);
    expect((await open(config, createEraMemory(), asked)).info.era).toBe("legacy");
    await wasAsked(asked, ["server/discover", "bye", "initialize"]);
  });

  it("asks nothing when the configuration says it", async () => {
    const asked: string[] = [];
    await open(script(LEGACY), createEraMemory("legacy"), asked);
    await wasAsked(asked, ["initialize"]);
  });
});

describe("detection over HTTP", () => {
  /** Serves what `answer` says to a method, and writes the methods down. */
  async function serve(
    asked: string[],
    answer: (method: string) => { status?: number; body?: object },
  ): Promise<UpstreamConfig> {
    const server = createServer((request, response) => {
      let text = "";
      request.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      request.on("end", () => {
        if (request.method !== "POST") {
          response.writeHead(405).end();
          return;
        }
        const { id, method } = JSON.parse(text) as { id?: number; method: string };
        if (id === undefined) {
          response.writeHead(202).end();
          return;
        }
        asked.push(method);
        const { status = 200, body } = answer(method);
        response.writeHead(status, { "content-type": "application/json" });
        response.end(body === undefined ? "" : JSON.stringify({ jsonrpc: "2.0", id, ...body }));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.unshift(() => server.close());
    return {
      transport: "streamable-http",
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    };
  }

  it("asks a modern server once, and never again", async () => {
    const asked: string[] = [];
    const config = await serve(asked, () => ({ body: { result: discovered } }));
    const era = createEraMemory();
    expect((await open(config, era, asked)).info.era).toBe("modern");
    expect((await open(config, era, asked)).info.era).toBe("modern");
    expect(asked).toEqual(["server/discover", "server/discover"]);
  });

  it.each([
    ["400 without a modern error", { status: 400, body: { error: { code: -32000, message: "no session" } } }],
    ["404", { status: 404 }],
    ["405", { status: 405 }],
    ["an unknown method", { body: { error: { code: -32601, message: "no" } } }],
    [
      "the versions that it supports, all of them legacy",
      { status: 400, body: { error: { code: -32022, message: "no", data: { supported: ["2025-11-25"] } } } },
    ],
  ])("takes %s for a legacy server, and remembers", async (_what, refusal) => {
    const asked: string[] = [];
    const config = await serve(asked, (method) =>
      method === "initialize" ? { body: { result: initialized } } : refusal,
    );
    const era = createEraMemory();
    expect((await open(config, era, asked)).info.era).toBe("legacy");
    expect((await open(config, era, asked)).info.era).toBe("legacy");
    expect(asked).toEqual(["server/discover", "initialize", "initialize"]);
  });

  it.each([401, 403, 429, 500, 503])("takes HTTP %i for no evidence, and asks again", async (status) => {
    const asked: string[] = [];
    let isWell = false;
    const config = await serve(asked, () => (isWell ? { body: { result: discovered } } : { status }));
    const era = createEraMemory();
    await expect(open(config, era, asked)).rejects.toThrow(`HTTP ${status}`);
    isWell = true;
    expect((await open(config, era, asked)).info.era).toBe("modern");
    expect(asked).toEqual(["server/discover", "server/discover"]);
  });

  it("follows a server that was replaced by one of the other era", async () => {
    const asked: string[] = [];
    let now: Era = "legacy";
    const config = await serve(asked, (method) => {
      if (now === "legacy")
        return method === "initialize" ? { body: { result: initialized } } : { status: 400 };
      return method === "initialize"
        ? {
            status: 400,
            body: { error: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } } },
          }
        : { body: { result: discovered } };
    });
    const era = createEraMemory();
    expect((await open(config, era, asked)).info.era).toBe("legacy");
    now = "modern";
    await expect(open(config, era, asked)).rejects.toThrow(/initialize/);
    expect((await open(config, era, asked)).info.era).toBe("modern");
    now = "legacy";
    await expect(open(config, era, asked)).rejects.toThrow();
    expect((await open(config, era, asked)).info.era).toBe("legacy");
  });
});

describe("a verdict", () => {
  it("is not drawn from what is no answer", () => {
    expect(verdictOf(new Error("spawn failed"))).toBeUndefined();
    expect(verdictOf(new ControlError("late", { isTimeout: true }))).toBeUndefined();
    const failure = { executed: "no", kind: "transport", message: "refused" } as const;
    expect(verdictOf(new ControlError("refused", { failure }))).toBeUndefined();
  });

  it("is modern for the errors that only a modern server sends", () => {
    expect(verdictOf(new ControlError("x", { rpcCode: -32020 }))).toBe("modern");
    expect(verdictOf(new ControlError("x", { rpcCode: -32021 }))).toBe("modern");
    expect(
      verdictOf(new ControlError("x", { rpcCode: -32022, rpcData: { supported: ["2026-07-28"] } })),
    ).toBe("modern");
  });
});
