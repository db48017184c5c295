// The same requests, with the same faults by the same seed, by plain fetch with one time limit and by the client: what the caller
// gets. Hosts are simulated, and time runs 250 times as fast as in the document.
import { createLmStudioClient, LmStudioError } from "@fairlead/lmstudio";
import { createLmStudioSimulator, type Fault, type FaultKind } from "@fairlead/lmstudio/simulator";
import type { Claim, Scenario, ScenarioContext, ScenarioResult } from "../result.ts";

interface Effort {
  readonly requests: number;
  readonly seed: number;
  /** For each of the two rate limits. */
  readonly rateRequests: number;
}

const EFFORT: Readonly<Record<ScenarioContext["profile"], Effort>> = {
  quick: { requests: 400, seed: 2_026, rateRequests: 48 },
  full: { requests: 2_000, seed: 2_026, rateRequests: 48 },
};
const SPEED = 250;
const scaled = (seconds: number): number => (seconds * 1_000) / SPEED;
/** What the document says was there before: 75 s for everything. */
const PLAIN_TIMEOUT_MS = scaled(75);
const TOKENS_PER_SECOND = 1_000;

/** Shares of the requests that meet it. */
const FAULTS: Readonly<Partial<Record<FaultKind, number>>> = {
  empty: 0.04,
  "no-chunks": 0.02,
  "reasoning-only": 0.005,
  "swap-html-500": 0.03,
  "load-aborted": 0.02,
  "engine-error-500": 0.02,
  reset: 0.01,
  cut: 0.005,
  crash: 0.005,
  "model-unloaded": 0.005,
  substitute: 0.01,
  hang: 0.01,
};

const outcomes = ["answer", "timeout", "empty", "other-model", "error"] as const;
type Outcome = (typeof outcomes)[number];
type Tally = Record<Outcome, number>;

interface Asked {
  readonly prompt: string;
  readonly complex: boolean;
}

export const reliability: Scenario = {
  name: "reliability",
  description: "what callers get of LM Studio under faults: plain fetch beside the client (simulated hosts)",
  run: (context) => runReliability(context, EFFORT[context.profile]),
};

/** Separate from {@link reliability} so that a test can ask for little. */
export async function runReliability(
  { onProgress }: ScenarioContext,
  effort: Effort,
): Promise<ScenarioResult> {
  const requests = requestsOf(effort);
  onProgress(`${requests.length} requests by plain fetch`);
  const plain = await tally(effort, requests, 1, plainFetch);
  onProgress("the same by the client, one host");
  const codes = new Map<string, number>();
  const one = await tally(effort, requests, 1, byClient(codes));
  onProgress("the same by the client, two hosts");
  const two = await tally(effort, requests, 2, byClient(new Map()));
  onProgress("rate limits");
  const rates = { slow: await rateOf(5, effort), fast: await rateOf(12, effort) };
  return present(effort, { plain, one, two }, codes, rates);
}

/** One in five is complex: it takes 60 to 160 s, the others 5 to 40 s. */
function requestsOf({ requests }: Effort): readonly Asked[] {
  return Array.from({ length: requests }, (_, at) => {
    const complex = at % 5 === 4;
    const spread = ((at * 7) % 20) / 19;
    const seconds = complex ? 60 + 100 * spread : 5 + 35 * spread;
    const tokens = Math.round((scaled(seconds) / 1_000) * TOKENS_PER_SECOND);
    return { prompt: `${at}: ${tokens} words`, complex };
  });
}

type Caller = (urls: readonly string[]) => { ask(asked: Asked): Promise<Outcome>; close(): Promise<void> };

async function tally(
  { seed }: Effort,
  requests: readonly Asked[],
  hosts: number,
  caller: Caller,
): Promise<Tally> {
  const faults = Object.entries(FAULTS).map(([kind, rate]): Fault => ({ kind: kind as FaultKind, rate }));
  const model = {
    key: "model",
    answer: (prompt: string) => "word ".repeat(Number(/: (\d+) words/.exec(prompt)?.[1] ?? 1)).trim(),
    loaded: true,
    tokensPerSecond: TOKENS_PER_SECOND,
    prefillTokensPerSecond: 1e9,
  };
  const other = { key: "other", loaded: false };
  const simulators = Array.from({ length: hosts }, (_, at) =>
    createLmStudioSimulator({ models: [model, other], seed: seed + at, faults }),
  );
  const urls = await Promise.all(simulators.map((simulator) => simulator.listen()));
  const { ask, close } = caller(urls);
  const counted: Tally = { answer: 0, timeout: 0, empty: 0, "other-model": 0, error: 0 };
  for (const asked of requests) counted[await ask(asked)] += 1;
  await close();
  await Promise.all(simulators.map((simulator) => simulator.close()));
  return counted;
}

const plainFetch: Caller = ([url = ""]) => ({
  close: async () => {},
  async ask({ prompt }) {
    try {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "model", messages: [{ role: "user", content: prompt }] }),
        signal: AbortSignal.timeout(PLAIN_TIMEOUT_MS),
      });
      if (!response.ok) {
        await response.text();
        return "error";
      }
      const body = (await response.json()) as {
        model?: string;
        choices?: { message?: { content?: string } }[];
      };
      if (body.model !== "model") return "other-model";
      return (body.choices?.[0]?.message?.content ?? "") === "" ? "empty" : "answer";
    } catch (error) {
      return error instanceof Error && error.name === "TimeoutError" ? "timeout" : "error";
    }
  },
});

function byClient(codes: Map<string, number>): Caller {
  return (urls) => {
    const client = createLmStudioClient({
      hosts: urls.map((url, at) => ({ url, name: `host-${at + 1}` })),
      simpleTimeoutMs: scaled(60),
      complexTimeoutMs: scaled(180),
      totalTimeoutMs: scaled(300),
      headersTimeoutMs: scaled(120),
      idleTimeoutMs: scaled(120),
      backoffBaseMs: scaled(1),
      cooldownMs: scaled(5),
      ratePerSecond: 100_000,
      breaker: { resetTimeoutMs: scaled(60) },
    });
    return {
      close: client.close,
      async ask({ prompt, complex }) {
        try {
          const intent = complex ? { intent: "analysis" } : {};
          const { text, model } = await client.chat(
            { model: "model", messages: [{ role: "user", content: prompt }] },
            intent,
          );
          if (model !== "model") return "other-model";
          return text === "" ? "empty" : "answer";
        } catch (error) {
          if (!(error instanceof LmStudioError)) throw error;
          codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
          return error.code.endsWith("_TIMEOUT") || error.code === "DEADLINE_EXCEEDED" ? "timeout" : "error";
        }
      },
    };
  };
}

/** Requests per second that get through with a rate limit. */
/** A second's worth goes at once; what comes after it is the rate. */
async function rateOf(ratePerSecond: number, { rateRequests }: Effort): Promise<number> {
  const quick = { loaded: true, tokensPerSecond: 1e6, prefillTokensPerSecond: 1e9 };
  const simulator = createLmStudioSimulator({ models: [{ key: "model", answer: "Yes.", ...quick }] });
  const client = createLmStudioClient({ hosts: [await simulator.listen()], ratePerSecond });
  const startedAt = performance.now();
  const ask = { model: "model", messages: [{ role: "user" as const, content: "?" }] };
  await Promise.all(Array.from({ length: ratePerSecond + rateRequests }, () => client.chat(ask)));
  const seconds = (performance.now() - startedAt) / 1_000;
  await client.close();
  await simulator.close();
  return rateRequests / seconds;
}

const titles: Readonly<Record<Outcome, string>> = {
  answer: "an answer",
  timeout: "a time limit",
  empty: "an empty answer, as if all was well",
  "other-model": "another model's answer, unnoticed",
  error: "an error",
};

function present(
  effort: Effort,
  { plain, one, two }: Readonly<Record<"plain" | "one" | "two", Tally>>,
  codes: ReadonlyMap<string, number>,
  rates: { readonly slow: number; readonly fast: number },
): ScenarioResult {
  const less = (kind: Outcome): { readonly text: string; readonly share: number } => {
    const shares = [one, two].map((tallied) => (plain[kind] === 0 ? 0 : 1 - tallied[kind] / plain[kind]));
    const [first = 0, second = 0] = shares;
    return {
      text: `${plain[kind]} → ${one[kind]} (−${Math.round(first * 100)} %); with a second host ${two[kind]} (−${Math.round(second * 100)} %)`,
      share: first,
    };
  };
  const [timeouts, empties] = [less("timeout"), less("empty")];
  const source = "lmstudio-reliability.md";
  const claims: Claim[] = [
    { source, claim: "80 % fewer time limits", measured: timeouts.text, met: timeouts.share >= 0.8 },
    {
      source,
      claim: "95 % fewer empty answers",
      measured: empties.text,
      limit: "0 left",
      met: empties.share >= 0.95,
    },
    {
      source,
      claim: "140 % more throughput by the rate limit (5 → 12 per second)",
      measured: `${rates.slow.toFixed(1)} → ${rates.fast.toFixed(1)} per second`,
      met: rates.fast / rates.slow >= 2.3,
    },
  ];
  return {
    scenario: "reliability",
    title: "LM Studio: what callers get under faults",
    summary: [
      `${effort.requests} requests one after the other, one in five of them complex, to a simulated host that meets about one in six with a fault (seed ${effort.seed}; the second host has faults of its own). Plain fetch gives up after 75 s; the client after 60 s, or 180 s where the request says that it is complex. Time runs ${SPEED} times as fast.`,
      "An empty answer that the client cannot turn into one is an error that says why; nothing is counted as an answer that is none.",
    ],
    tables: [
      {
        title: "What the caller gets",
        columns: ["", "plain fetch", "the client", "the client, two hosts"],
        rows: outcomes.map((kind) => [titles[kind], plain[kind], one[kind], two[kind]]),
      },
      {
        title: "The client's errors, one host",
        columns: ["code", "times"],
        rows: [...codes].toSorted(([, a], [, b]) => b - a).map(([code, count]) => [code, count]),
      },
    ],
    charts: [],
    claims,
    keyFigures: [
      {
        name: "answers beside plain fetch",
        value: one.answer / plain.answer,
        low: one.answer / plain.answer,
        high: two.answer / plain.answer,
        better: "higher",
      },
    ],
    skipped: ["latency (−30 % in the document): nothing says what it was before, or of which requests"],
    data: { effort, plain, one, two, codes: Object.fromEntries(codes), rates },
  };
}
