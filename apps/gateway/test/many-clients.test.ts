// A team's day in short: twenty clients over all transports and both eras, one greedy client, servers that are killed, reloads,
// and a restart of the gateway. A few seconds by default; FAIRLEAD_SUITE_SECONDS makes it longer.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRawClient, freePort, type StartedProcess, tempDir } from "@fairlead/testbed";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, it } from "vitest";
import { startOnPort, stdioFixture } from "./gateway.ts";
import { legacyClient, modernClient } from "./sdk-clients.ts";

const SECONDS = Number(process.env["FAIRLEAD_SUITE_SECONDS"] ?? 5);
const cli = fileURLToPath(new URL("../../../packages/cli/src/main.ts", import.meta.url));
const GREEDY = "greedy-key-000001";
/** Longer than any call may take; a call without an end until then is a lost one. */
const LOST_MS = 60_000;
const MIN_ANSWERS = 3;
/** Seconds that the day may last longer on a busy machine. */
const PATIENCE = 120;

interface Connected {
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<string>;
  tools(): Promise<readonly { readonly name: string }[]>;
  close(): Promise<unknown> | undefined;
}

interface Tally {
  readonly kind: string;
  readonly latencies: number[];
  answered: number;
  failed: number;
  /** Calls that got another answer than their own. */
  readonly crossed: string[];
  lost: number;
}

type Connect = () => Promise<Connected>;

interface Result {
  readonly content?: unknown;
  readonly tools?: readonly { readonly name: string }[];
}

function textOf(content: unknown): string {
  return (content as { text?: string }[] | undefined)?.[0]?.text ?? "";
}

function overSdk(connect: typeof legacyClient, url: string): Connect {
  return async () => {
    const client = await connect(new URL(url));
    return {
      call: async (tool, args) => textOf((await client.callTool(tool, args)).content),
      tools: async () => (await client.listTools()).tools,
      close: () => client.close(),
    };
  };
}

function overStdio(url: string, directory: string): Connect {
  return async () => {
    const client = new Client({ name: "stdio", version: "1" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: ["--conditions=@fairlead/source", cli, "serve", "--stdio", "--attach", url],
        env: { ...process.env, XDG_STATE_HOME: directory } as Record<string, string>,
        stderr: "ignore",
      }),
    );
    return {
      call: async (tool, args) => textOf((await client.callTool({ name: tool, arguments: args })).content),
      tools: async () => (await client.listTools()).tools,
      close: () => client.close(),
    };
  };
}

function overWebSocket(url: string): Connect {
  return async () => {
    const socket = new WebSocket(url.replace("http", "ws"), ["mcp"]);
    const waiting = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>();
    let lastId = 0;
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("no connection")));
    });
    socket.addEventListener("close", () => {
      for (const { reject } of waiting.values()) reject(new Error("closed"));
    });
    socket.addEventListener("message", ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as {
        id?: number;
        result?: Result;
        error?: { message: string };
      };
      const call = id === undefined ? undefined : waiting.get(id);
      if (call === undefined || id === undefined) return;
      waiting.delete(id);
      if (error === undefined) call.resolve(result ?? {});
      else call.reject(new Error(error.message));
    });
    const request = (method: string, params: object): Promise<Result> => {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        if (socket.readyState === WebSocket.OPEN)
          socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
        else reject(new Error("closed"));
      });
    };
    await request("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "ws", version: "1" },
    });
    return {
      call: async (tool, args) =>
        textOf((await request("tools/call", { name: tool, arguments: args })).content),
      tools: async () => (await request("tools/list", {})).tools ?? [],
      close() {
        socket.close();
        return undefined;
      },
    };
  };
}

/** What a client does in its turn: calls that are short, read, or take their time with progress, and lists. Returns the nonce. */
async function ask(client: Connected, turn: number, nonce: string): Promise<string> {
  if (turn % 10 === 9) {
    const names = (await client.tools()).map(({ name }) => name);
    // Nothing is there yet while a gateway that has just begun starts its servers.
    if (!names.includes("a__echo")) throw new Error("a list without a__echo");
    return nonce;
  }
  if (turn % 3 === 0) return client.call("a__echo", { message: nonce });
  if (turn % 3 === 1) return client.call("a__lookup", { nonce });
  return client.call("a__slow", { nonce, delayMs: 40, steps: 2 });
}

/** One client at its work: calls, checks what comes back, and comes back itself when its connection is gone. */
async function work(tally: Tally, number: number, connect: Connect, until: () => boolean): Promise<void> {
  const { kind } = tally;
  let client: Connected | undefined;
  for (let turn = 0; !until(); turn++) {
    const nonce = `${kind}-${number}-${turn}-${Math.random()}`;
    try {
      client ??= await connect();
      const startedAt = performance.now();
      const answer = await Promise.race([
        ask(client, turn, nonce),
        new Promise<string>((resolve) => setTimeout(resolve, LOST_MS, "lost").unref()),
      ]);
      tally.latencies.push(performance.now() - startedAt);
      if (answer === nonce) tally.answered++;
      else if (answer === "lost") tally.lost++;
      else tally.crossed.push(`${nonce} got ${answer}`);
    } catch {
      tally.failed++;
      await Promise.resolve(client?.close()).catch(() => undefined);
      client = undefined;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.resolve(client?.close()).catch(() => undefined);
}

it(`serves 20 clients for ${SECONDS} s through kills, reloads and a restart: nothing crossed, nothing lost, limits held`, {
  timeout: SECONDS * 1_000 + 300_000,
}, async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "fairlead.config.yaml");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const greedySha256 = createHash("sha256").update(GREEDY).digest("hex");
  const config = (maxQueue: number): string =>
    JSON.stringify({
      clients: {
        maxClients: 0,
        limits: { requestsPerMinute: 0 },
        known: { greedy: { keySha256: greedySha256, limits: { requestsPerMinute: 100 } } },
      },
      pools: { a: { maxQueue, upstreams: [stdioFixture(), stdioFixture(), stdioFixture()] } },
    });
  await writeFile(file, config(500));
  const start = (): Promise<StartedProcess> => startOnPort(file, port, directory.path);
  let gateway = await start();
  try {
    const startedAt = performance.now();
    const elapsed = (): number => (performance.now() - startedAt) / 1_000;
    const kinds: Readonly<Record<string, Connect>> = {
      websocket: overWebSocket(`${url}/mcp`),
      stdio: overStdio(url, directory.path),
      "sdk-v1": overSdk(legacyClient, `${url}/mcp`),
      "sdk-v2": overSdk(modernClient, `${url}/mcp`),
    };
    const tallies: Tally[] = [];
    let isDayOver = false;
    // On a busy machine the day lasts until every client has had its turn.
    const isOver = (): boolean =>
      isDayOver &&
      elapsed() > SECONDS &&
      (tallies.every(({ answered }) => answered >= MIN_ANSWERS) || elapsed() > SECONDS + PATIENCE);
    const clients = Object.entries(kinds).flatMap(([kind, connect]) =>
      Array.from({ length: 5 }, (_, number) => {
        const tally: Tally = { kind, latencies: [], answered: 0, failed: 0, crossed: [], lost: 0 };
        tallies.push(tally);
        return work(tally, number, connect, isOver);
      }),
    );
    const greedy = { granted: 0, refused: 0, other: 0 };
    const greed = (async () => {
      const client = createRawClient(`${url}/mcp`);
      while (!isOver()) {
        const call = {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "a__echo", arguments: { message: "g" } },
        };
        const status = await client
          .post(call, { headers: { authorization: `Bearer ${GREEDY}` } })
          .then((answer) => answer.status)
          .catch(() => 0);
        if (status === 200) greedy.granted++;
        else if (status === 429) greedy.refused++;
        else greedy.other++;
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
      client.close();
    })();
    const replicas = async (): Promise<{ pid: number | null; status: string }[]> =>
      (
        (await (await fetch(`${url}/api/status`)).json()) as {
          pools: { replicas: { pid: number | null; status: string }[] }[];
        }
      ).pools.flatMap((pool) => pool.replicas);
    // The events of the day, at their shares of it.
    const at = (share: number): Promise<void> =>
      new Promise((resolve) => setTimeout(resolve, Math.max(0, (SECONDS * share - elapsed()) * 1_000)));
    for (const [share, event] of [
      [0.1, "kill"],
      [0.2, "reload"],
      [0.3, "kill"],
      [0.4, "reload"],
      [0.5, "restart"],
      [0.7, "kill"],
      [0.8, "reload"],
    ] as const) {
      await at(share);
      if (event === "kill") {
        const victim = (await replicas().catch(() => [])).find(
          ({ pid, status }) => pid !== null && status === "ready",
        );
        if (victim?.pid != null) process.kill(victim.pid, "SIGKILL");
      } else if (event === "reload") {
        await writeFile(file, config(500 + Math.round(share * 100)));
        gateway.kill("SIGHUP");
      } else {
        gateway.kill("SIGTERM");
        expect((await gateway.exited).code).toBe(0);
        gateway = await start();
      }
    }
    isDayOver = true;
    await Promise.all(clients);
    await greed;
    const sum = (pick: (tally: Tally) => number, kind?: string): number =>
      tallies
        .filter((tally) => kind === undefined || tally.kind === kind)
        .reduce((total, tally) => total + pick(tally), 0);
    const latencies = tallies.flatMap((tally) => tally.latencies).sort((a, b) => a - b);
    const quantile = (share: number): string =>
      `${(latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(0)} ms`;
    console.log(
      `20 clients, ${elapsed().toFixed(0)} s: ${sum((tally) => tally.answered)} answered (${["websocket", "stdio", "sdk-v1", "sdk-v2"].map((kind) => `${kind} ${sum((tally) => tally.answered, kind)}`).join(", ")}), ${sum((tally) => tally.failed)} failed with an error, p50 ${quantile(0.5)}, p99 ${quantile(0.99)}; greedy: ${greedy.granted} granted, ${greedy.refused} refused`,
    );
    expect(tallies.flatMap(({ crossed }) => crossed)).toEqual([]);
    expect(sum((tally) => tally.lost)).toBe(0);
    for (const kind of ["websocket", "stdio", "sdk-v1", "sdk-v2"])
      expect(
        sum((tally) => tally.answered, kind),
        kind,
      ).toBeGreaterThanOrEqual(5 * MIN_ANSWERS);
    // 100 at once and 100 a minute from there on, for each of the two lives of the gateway.
    expect(greedy.granted).toBeLessThanOrEqual(2 * (100 + Math.ceil((elapsed() * 100) / 60)));
  } finally {
    await gateway[Symbol.asyncDispose]();
  }
});
