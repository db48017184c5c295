// Upstreams that break every rule of the wire, at random, while a storm kills and freezes them. Whatever happens: nothing
// runs twice that must not, every call gets exactly one answer, it is its own answer, and what an error says about the
// execution is true. More of it: FAIRLEAD_SEED=1 FAIRLEAD_CHAOS_CALLS=5000 FAIRLEAD_CHAOS_WORKERS=48
import { setTimeout as sleep } from "node:timers/promises";
import { createRawClient, faultyServerPath, readLedger } from "@fairlead/testbed";
import { expect, it } from "vitest";
import { ledgerOf, startGateway, type TestGateway, withLedger } from "./gateway.ts";

const seed = Number(process.env["FAIRLEAD_SEED"] ?? Math.floor(Math.random() * 1e6));
const CALLS = Number(process.env["FAIRLEAD_CHAOS_CALLS"] ?? 1_000);
const WORKERS = Number(process.env["FAIRLEAD_CHAOS_WORKERS"] ?? 12);

function faulty(at: number): Record<string, unknown> {
  const env = {
    FAULT_SEED: String(seed * 10 + at),
    FAULT_RATE: "0.15",
    FAULT_LEDGER: withLedger["FIXTURE_LEDGER"] ?? "",
  };
  return at % 2 === 0
    ? { command: process.execPath, args: [faultyServerPath, "--stdio"], env }
    : {
        url: "http://localhost/",
        command: process.execPath,
        args: [faultyServerPath, "--http", "{socket}"],
        env,
      };
}

interface Outcome {
  readonly nonce: string;
  readonly tool: string;
  /** Messages that answered the call. */
  readonly answers: number;
  /** Text of the result, if there is one. */
  readonly text: string | undefined;
  readonly code: string | undefined;
  readonly says: string | undefined;
  /** Everything that came, when it is neither a result nor an error that says why. */
  readonly strange: string | undefined;
}

async function call(gateway: TestGateway, worker: number): Promise<Outcome[]> {
  using client = createRawClient(`${gateway.url}/mcp`);
  const outcomes: Outcome[] = [];
  const isLegacy = worker % 2 === 0;
  if (isLegacy) await client.initialize();
  for (let id = worker; id < CALLS; id += WORKERS) {
    const tool = id % 3 === 0 ? "safe" : "unsafe";
    const nonce = `n${id}`;
    const params = { name: `pool__${tool}`, arguments: { nonce } };
    const { messages } = isLegacy
      ? await client.post({ jsonrpc: "2.0", id, method: "tools/call", params })
      : await client.modern("tools/call", params, { id });
    const answers = messages.filter((message) => message.id === id);
    const data = answers[0]?.error?.data as { code?: string; outcome?: string } | undefined;
    const content = answers[0]?.result?.["content"] as { text: string }[] | undefined;
    const isStrange = content?.[0]?.text === undefined && data?.outcome === undefined;
    outcomes.push({
      nonce,
      tool,
      answers: answers.length,
      text: content?.[0]?.text,
      code: data?.code ?? answers[0]?.error?.message,
      says: data?.outcome,
      strange: isStrange ? JSON.stringify(messages).slice(0, 1_000) : undefined,
    });
  }
  return outcomes;
}

/** Kills and freezes processes from outside, and now and then all of them at once, until it is stopped. */
function startStorm(gateway: TestGateway): { readonly hits: number; stop(): Promise<void> } {
  const random = seeded(seed);
  const signal = (pid: number, name: NodeJS.Signals): void => {
    try {
      process.kill(pid, name);
    } catch {
      // It ended in the meantime.
    }
  };
  let stopped = false;
  let hits = 0;
  const run = async (): Promise<void> => {
    while (!stopped) {
      await sleep(100 + random() * 400);
      const { pools } = await gateway.status();
      const pids = pools.flatMap(({ replicas }) => replicas.flatMap(({ pid }) => pid ?? []));
      const kind = random();
      const victim = pids[Math.floor(random() * pids.length)];
      if (victim === undefined) continue;
      hits++;
      if (kind < 0.3) signal(victim, "SIGKILL");
      else if (kind < 0.4) for (const pid of pids) signal(pid, "SIGKILL");
      else {
        signal(victim, "SIGSTOP");
        await sleep(random() * 1_500);
        signal(victim, "SIGCONT");
      }
    }
  };
  const running = run();
  return {
    get hits() {
      return hits;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** mulberry32. */
function seeded(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

it(`keeps every promise against faulty upstreams (seed ${seed})`, { timeout: 900_000 }, async () => {
  await using gateway = await startGateway(
    {
      limits: { maxResponseBytes: 100_000 },
      pools: {
        pool: {
          upstreams: [0, 1, 2, 3].map(faulty),
          timeoutMs: 1_000,
          restart: { baseDelayMs: 20, maxDelayMs: 100, crashLoopThreshold: 100_000 },
          breaker: { failureThreshold: 50 },
          healthCheck: { intervalMs: 0 },
        },
      },
    },
    ["--port", "0"],
  );
  await gateway.untilReady();
  const storm = startStorm(gateway);
  const outcomes = (await Promise.all(Array.from({ length: WORKERS }, (_, at) => call(gateway, at)))).flat();
  await storm.stop();
  const { counts } = readLedger(ledgerOf(gateway));
  const executions = ({ nonce }: Outcome): number => counts.get(nonce) ?? 0;

  expect(outcomes).toHaveLength(CALLS);
  expect(outcomes.filter(({ answers }) => answers !== 1)).toEqual([]);
  expect(outcomes.filter(({ text, nonce }) => text !== undefined && text !== nonce)).toEqual([]);
  expect(outcomes.filter((outcome) => outcome.tool === "unsafe" && executions(outcome) > 1)).toEqual([]);
  expect(outcomes.filter((outcome) => outcome.text !== undefined && executions(outcome) === 0)).toEqual([]);
  expect(outcomes.filter((outcome) => outcome.says === "not-executed" && executions(outcome) > 0)).toEqual(
    [],
  );
  // Whatever failed says so by a code, or is the server's own error.
  expect(
    outcomes.filter(
      ({ text, says, code }) => text === undefined && says === undefined && code !== "broken inside",
    ),
  ).toEqual([]);
  expect(storm.hits).toBeGreaterThan(0);
  // The faults did happen, and so did answers: most, until so many run on each server that any crash takes a dozen along.
  expect(outcomes.filter(({ text }) => text === undefined).length).toBeGreaterThan(CALLS / 100);
  const answered = outcomes.filter(({ text }) => text !== undefined);
  expect(answered.length).toBeGreaterThan(WORKERS > 12 ? CALLS / 10 : CALLS / 2);
  const { calls } = await gateway.status();
  expect(calls.inFlight).toBe(0);
});
