// Processes killed under load: how long until the next good answer, and whether any call that may be repeated fails.
import { fixtureServerPath, waitUntil } from "@fairlead/testbed";
import { Pool } from "undici";
import { type Figure, figuresScenario, percentile } from "../figures.ts";
import {
  type MeasuredGateway,
  openLegacySession,
  post,
  type SessionHeaders,
  startGateway,
} from "../gateway.ts";
import type { Scenario } from "../result.ts";

const CALLERS = 8;
const PATH = "/mcp";
const TITLES: Readonly<Record<string, string>> = {
  three: "three replicas on stdio",
  one: "one replica on stdio",
  web: "one replica on HTTP",
};

interface Watch {
  /** Resolves with the time of the next good answer to a call that began after `since`, in milliseconds. */
  nextGoodAfter(since: number): Promise<number>;
  readonly calls: number;
  readonly errors: readonly string[];
  stop(): Promise<void>;
}

export const kills: Scenario = figuresScenario({
  name: "kills",
  description: "from kill -9 to the next good answer, and read-only calls that failed",
  summary:
    "Kills replicas # times in each of three pools (three on stdio, one on stdio, one on HTTP) while 8 callers make read-only calls.",
  count: { quick: 10, full: 100 },
  run: measureFailover,
});

async function measureFailover(
  kills: number,
  onProgress: (line: string) => void,
): Promise<readonly Figure[]> {
  const upstream = { command: process.execPath, args: [fixtureServerPath, "--stdio"], era: "legacy" };
  const web = {
    ...upstream,
    url: "http://localhost/mcp",
    args: [fixtureServerPath, "--http", "--socket", "{socket}"],
  };
  const common = {
    restart: { baseDelayMs: 50, maxDelayMs: 200, crashLoopThreshold: 10_000 },
    breaker: { failureThreshold: 10_000 },
    queueTimeoutMs: 10_000,
  };
  await using gateway = await startGateway({
    pools: {
      three: { ...common, upstreams: [upstream, upstream, upstream] },
      one: { ...common, upstreams: [upstream] },
      web: { ...common, upstreams: [web] },
    },
  });
  await untilReady(gateway);
  const figures: Figure[] = [];
  for (const namespace of ["three", "one", "web"]) {
    const recovered: number[] = [];
    const pool = new Pool(gateway.url, { connections: CALLERS });
    const session = await openLegacySession(pool, PATH);
    const watch = watchCalls(pool, session, `${namespace}__lookup`);
    for (let kill = 0; kill < kills; kill++) {
      const { pools } = await gateway.status();
      const replicas = pools.find((one) => one.namespace === namespace)?.replicas ?? [];
      const victim = replicas[kill % replicas.length];
      if (victim?.pid === undefined || victim.pid === null)
        throw new Error(`no process to kill in ${namespace}`);
      const killedAt = performance.now();
      process.kill(victim.pid, "SIGKILL");
      recovered.push((await watch.nextGoodAfter(killedAt)) - killedAt);
      if (kill % 10 === 9)
        onProgress(`${namespace}: ${kill + 1} kills, p50 ${percentile(recovered, 50).toFixed(1)} ms`);
      await untilReady(gateway);
    }
    await watch.stop();
    await pool.close();
    const replicas = TITLES[namespace] ?? namespace;
    figures.push(
      { what: `${replicas}: kills`, value: kills, unit: "kills" },
      { what: `${replicas}: next good answer, p50`, value: percentile(recovered, 50), unit: "ms" },
      {
        what: `${replicas}: next good answer, p99`,
        value: percentile(recovered, 99),
        unit: "ms",
        atMost: 1_000,
      },
      { what: `${replicas}: next good answer, longest`, value: Math.max(...recovered), unit: "ms" },
      { what: `${replicas}: read-only calls meanwhile`, value: watch.calls, unit: "calls" },
      { what: `${replicas}: of these failed`, value: watch.errors.length, unit: "calls", atMost: 0 },
    );
    for (const error of new Set(watch.errors.map((text) => text.replace(/"id":\d+/, ""))))
      onProgress(`${namespace}: ${error}`);
  }
  return figures;
}

function watchCalls(pool: Pool, session: SessionHeaders, tool: string): Watch {
  const errors: string[] = [];
  let calls = 0;
  let stopped = false;
  let waiting: { since: number; resolve: (at: number) => void } | undefined;
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const id = ++calls;
      const startedAt = performance.now();
      const params = { name: tool, arguments: { nonce: `n${id}` } };
      const answer = await post(pool, PATH, session, { id, method: "tools/call", params });
      if (!answer.includes(`"n${id}"`)) errors.push(answer.slice(0, 300));
      else if (waiting !== undefined && startedAt >= waiting.since) {
        waiting.resolve(performance.now());
        waiting = undefined;
      }
    }
  };
  const running = Promise.all(Array.from({ length: CALLERS }, caller));
  return {
    nextGoodAfter: (since) =>
      new Promise((resolve) => {
        waiting = { since, resolve };
      }),
    get calls() {
      return calls;
    },
    errors,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function untilReady(gateway: MeasuredGateway): Promise<void> {
  await waitUntil(
    async () =>
      (await gateway.status()).pools.every(({ replicas }) =>
        replicas.every(({ status }) => status === "ready"),
      ),
    { what: "all replicas to be ready", timeoutMs: 30_000 },
  );
}
