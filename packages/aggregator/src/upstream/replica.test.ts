// A real process under a clock that stands still until the test moves it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RestartConfig, UpstreamConfig } from "../config.ts";
import { ownHello } from "./control.ts";
import { createReplica, type Replica } from "./replica.ts";
import { createStartLimiter } from "./start-limiter.ts";

/** Shakes hands, and then does what `then` says. */
const server = (then: string): string[] => [
  "-e",
  `const send = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
   require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
     const { id, method } = JSON.parse(line);
     if (method === "initialize") send(id, { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } });
     ${then}
   });`,
];
const ANSWERS_PING = `if (method === "ping") send(id, {});`;

let clock: FakeClock;
let replica: Replica;
let states: string[];
let reasons: string[];

function start(
  args: string[],
  restart: RestartConfig = {},
  more: {
    readonly era?: "auto";
    readonly config?: UpstreamConfig;
    readonly onStderr?: (text: string) => void;
  } = {},
): void {
  const { era = "legacy", onStderr = () => {} } = more;
  replica = createReplica({
    id: "r",
    config: more.config ?? { transport: "stdio", era, command: process.execPath, args },
    startTimeoutMs: 60_000,
    maxMessageBytes: 100_000,
    maxDepth: 64,
    clientInfo: { name: "test", version: "1" },
    hello: ownHello({ name: "test", version: "1" }),
    health: { intervalMs: 10_000, timeoutMs: 5_000, failureThreshold: 2 },
    restart,
    starts: createStartLimiter(1),
    clock,
    random: () => 1,
    listener: {
      onConnected: () => Promise.resolve(),
      onChecked: () => {},
      onStateChange({ state }) {
        states.push(state.status);
        if (state.reason !== null) reasons.push(state.reason);
      },
      onServerNotification: () => {},
      onStderr: (_replica, text) => onStderr(text),
    },
  });
  replica.start();
}

/** What processes do takes real time; what the replica waits for takes the clock's. */
async function until(status: string): Promise<void> {
  await vi.waitFor(() => expect(replica.state.status).toBe(status), { timeout: 30_000, interval: 5 });
}

beforeEach(() => {
  clock = createFakeClock();
  states = [];
  reasons = [];
});
afterEach(() => replica.stop());

describe("a replica", () => {
  it("says what it is connected to", async () => {
    start(server(ANSWERS_PING));
    await until("ready");
    expect(replica.state).toMatchObject({
      reason: null,
      restarts: 0,
      info: { serverInfo: { name: "s" }, protocolVersion: "2025-11-25" },
    });
    expect(replica.connection?.inFlight).toBe(0);
    await replica.stop();
    expect(replica.state.status).toBe("stopped");
    expect(replica.connection).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it("that does not answer pings gets no calls, and is restarted when it says nothing for a minute", async () => {
    start(server(""));
    await until("ready");
    const { pid } = replica.state;
    await clock.advance(15_000);
    expect(replica.state.status).toBe("ready");
    await clock.advance(15_000);
    expect(replica.state).toMatchObject({
      status: "unhealthy",
      pid,
      reason: expect.stringMatching(/did not answer ping within 5 s/),
    });
    await clock.advance(45_000);
    await vi.waitFor(() => expect(reasons.at(-1)).toMatch(/said nothing for \d+ s/));
    await until("ready");
    expect(replica.state.pid).not.toBe(pid);
    expect(replica.state.restarts).toBe(1);
  });

  it("is looked at at once when a call met a broken connection", async () => {
    start(server(`if (method === "ping") { send(id, {}); process.stderr.write("pinged\\n"); }`));
    await until("ready");
    const connection = replica.connection;
    replica.suspect();
    replica.suspect();
    await vi.waitFor(() => expect(connection?.inFlight).toBe(0));
    expect(replica.state.status).toBe("ready");
  });

  it("that ends over and over waits longer each time, and is called a crash loop", async () => {
    start(["-e", "process.exit(3)"], { baseDelayMs: 100, maxDelayMs: 1_000, crashLoopThreshold: 4 });
    const waits: number[] = [];
    for (let at = 0; at < 6; at++) {
      await vi.waitFor(() => expect(replica.state.nextTryAtMs).not.toBeNull(), {
        timeout: 30_000,
        interval: 5,
      });
      expect(replica.state.status).toBe(at < 3 ? "waiting" : "crash-loop");
      expect(replica.state.reason).toMatch(/exited with code 3/);
      const waitMs = (replica.state.nextTryAtMs ?? 0) - clock.now();
      waits.push(waitMs);
      await clock.advance(waitMs);
    }
    // Equal jitter with the highest draw: the whole delay.
    expect(waits.map(Math.round)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it("that was well is started again at once, but not over and over", async () => {
    start(server(ANSWERS_PING));
    await until("ready");
    for (let at = 1; at <= 4; at++) {
      // It answers a health check.
      await clock.advance(10_000);
      await vi.waitFor(() => expect(replica.connection?.lastHeardAt).toBe(clock.now()));
      const { pid } = replica.state;
      process.kill(pid ?? Number.NaN, "SIGKILL");
      await vi.waitFor(() => expect(replica.state).toMatchObject({ status: "ready", restarts: at }), {
        timeout: 30_000,
        interval: 5,
      });
    }
    await clock.advance(10_000);
    process.kill(replica.state.pid ?? Number.NaN, "SIGKILL");
    await until("crash-loop");
    expect(replica.state.nextTryAtMs).toBe(clock.now() + 200);
  });

  it("is asked for its era once in its life, however often it is restarted", async () => {
    const asked: string[] = [];
    const script = `if (method !== undefined && id !== undefined) process.stderr.write(method + "\\n");
      if (method === "server/discover") console.log(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no" } }));`;
    const onStderr = (text: string): void => void asked.push(...text.split("\n"));
    start(server(script), {}, { era: "auto", onStderr });
    await until("ready");
    expect(replica.state).toMatchObject({ restarts: 0, info: { era: "legacy" } });
    await vi.waitFor(() => expect(asked).toEqual(["server/discover", "initialize"]));
    process.kill(replica.state.pid ?? Number.NaN, "SIGKILL");
    await until("waiting");
    await clock.advance(1_000);
    await until("ready");
    await vi.waitFor(() => expect(asked).toEqual(["server/discover", "initialize", "initialize"]));
    expect(replica.state.restarts).toBe(1);
  });

  it("behind a URL is asked often for as long as it may just be restarting, and then less and less", async () => {
    const web = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const { id, method } = (text === "" ? {} : JSON.parse(text)) as { id?: number; method?: string };
        if (method !== "initialize") {
          response.writeHead(id === undefined ? 202 : 200).end();
          return;
        }
        const result = {
          protocolVersion: "2025-11-25",
          capabilities: {},
          serverInfo: { name: "s", version: "1" },
        };
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
      });
    });
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const { port } = web.address() as AddressInfo;
    const config = { transport: "streamable-http", era: "legacy", url: `http://127.0.0.1:${port}/` } as const;
    start([], {}, { config });
    await until("ready");
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
    replica.suspect();
    const waits: number[] = [];
    for (let at = 0; at < 50; at++) {
      await until("waiting");
      const waitMs = (replica.state.nextTryAtMs ?? 0) - clock.now();
      waits.push(waitMs);
      const { length } = states;
      await clock.advance(waitMs);
      await vi.waitFor(() => expect(states.length).toBeGreaterThanOrEqual(length + 2), { interval: 1 });
    }
    const soon = waits.slice(0, 40);
    expect(Math.max(...soon)).toBe(250);
    expect(soon.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(9_000);
    expect(Math.max(...waits)).toBe(1_500);
  });

  it("whose command does not exist says so", async () => {
    start([], {});
    await replica.stop();
    replica = createReplica({
      id: "r",
      config: { transport: "stdio", command: "/nonexistent/command" },
      startTimeoutMs: 1_000,
      maxMessageBytes: 1_000,
      maxDepth: 64,
      clientInfo: { name: "test", version: "1" },
      hello: ownHello({ name: "test", version: "1" }),
      health: {},
      restart: {},
      starts: createStartLimiter(1),
      clock,
      random: () => 0,
      listener: {
        onConnected: () => Promise.resolve(),
        onChecked: () => {},
        onStateChange: () => {},
        onServerNotification: () => {},
        onStderr: () => {},
      },
    });
    replica.start();
    await until("waiting");
    expect(replica.state.reason).toBe('command "/nonexistent/command" was not found');
  });
});
