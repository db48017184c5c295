// Event streams of sessions: many open at a time, all told of one change.
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { fixtureServerPath, waitUntil } from "@fairlead/testbed";
import { Pool } from "undici";
import { type Figure, figuresScenario } from "../figures.ts";
import {
  endSession,
  openLegacySession,
  post,
  repeat,
  type SessionHeaders,
  startGateway,
} from "../gateway.ts";
import type { Scenario } from "../result.ts";

const CONCURRENCY = 32;
const PATH = "/mcp";

/** Every tenth reader reads nothing before the change has been told to the others, every tenth a little at a time. */
type Pace = "at once" | "late" | "slowly";
const PACES: readonly Pace[] = ["late", "slowly"];
const TENTH = 10;
/** Between two pieces, of a reader that is slow. */
const PAUSE_MS = 20;

interface Stream {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly pace: Pace;
  events: number;
}

export const streams: Scenario = figuresScenario({
  name: "streams",
  description: "memory of sessions with an open event stream, and whether all hear of a change",
  summary:
    "Opens # sessions with a GET stream each, changes a list, waits until all have heard of it, and cuts them. Every tenth client reads slowly, every tenth not at all until the others have heard.",
  count: { quick: 200, full: 1_000 },
  run: measureStreams,
});

async function measureStreams(count: number, onProgress: (line: string) => void): Promise<readonly Figure[]> {
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  await using gateway = await startGateway({ pools: { pool: { upstreams: [upstream] } } });
  const pool = new Pool(gateway.url, { connections: CONCURRENCY });
  const sessions: SessionHeaders[] = [];
  const open: Stream[] = [];
  const openOne = async (): Promise<void> => {
    const headers = await openLegacySession(pool, PATH);
    sessions.push(headers);
    const pace = PACES[open.length % TENTH] ?? "at once";
    open.push(await openStream(`${gateway.url}${PATH}`, headers, pace));
  };
  const closeAll = async (): Promise<void> => {
    for (const stream of open.splice(0)) stream.request.destroy();
    const ended = sessions.splice(0);
    await repeat(ended.length, CONCURRENCY, (at) => endSession(pool, PATH, ended[at] ?? {}));
    await waitUntil(async () => (await gateway.status()).clients.streams === 0, { what: "the streams' end" });
  };
  try {
    await repeat(CONCURRENCY, CONCURRENCY, openOne);
    await closeAll();
    const before = await gateway.settledRssBytes();
    await repeat(count, CONCURRENCY, openOne);
    const { clients } = await gateway.status();
    const during = await gateway.settledRssBytes();
    onProgress(`${clients.streams} streams: ${((during - before) / 1024 / count).toFixed(1)} KiB each`);
    const caller = await openLegacySession(pool, PATH);
    const changedAt = performance.now();
    const params = { name: "pool__add_tool", arguments: { name: "added" } };
    await post(pool, PATH, caller, { id: 1, method: "tools/call", params });
    const awake = open.filter(({ pace }) => pace !== "late");
    await waitUntil(() => awake.every(({ events }) => events > 0), {
      what: "every stream that is read to hear of it",
      timeoutMs: 30_000,
      intervalMs: 1,
    });
    const toldAfterMs = performance.now() - changedAt;
    for (const { response } of open) response.resume();
    await waitUntil(() => open.every(({ events }) => events > 0), {
      what: "those that read late to hear of it",
      timeoutMs: 30_000,
    });
    const told = open.filter(({ events }) => events > 0).length;
    await endSession(pool, PATH, caller);
    await closeAll();
    const after = await gateway.settledRssBytes();
    return [
      { what: "streams open at the same time", value: clients.streams, unit: "streams" },
      {
        what: "memory of a session with its stream",
        value: (during - before) / 1024 / count,
        unit: "KiB",
      },
      { what: "kept per ended stream", value: (after - before) / 1024 / count, unit: "KiB" },
      { what: "streams that heard of a changed list", value: told, unit: "streams", atLeast: count },
      { what: "from the change until the last that reads had heard", value: toldAfterMs, unit: "ms" },
    ];
  } finally {
    for (const stream of open) stream.request.destroy();
    await pool.close();
  }
}

function openStream(url: string, headers: SessionHeaders, pace: Pace): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent: false, headers: { ...headers, accept: "text/event-stream" } });
    outgoing.on("response", (response: IncomingMessage) => {
      if (response.statusCode !== 200) {
        reject(new Error(`no stream: HTTP ${response.statusCode}`));
        return;
      }
      const stream: Stream = { request: outgoing, response, pace, events: 0 };
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        stream.events += text.split("list_changed").length - 1;
        if (pace !== "slowly") return;
        response.pause();
        setTimeout(() => response.resume(), PAUSE_MS);
      });
      if (pace === "late") response.pause();
      // It is cut at the end.
      response.on("error", () => {});
      resolve(stream);
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
