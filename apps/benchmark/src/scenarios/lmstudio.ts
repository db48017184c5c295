// What asking several models at once brings, on the simulator: beside one after the other, beside what the simulated slots
// allow at best, with swaps in turn and together, and with more hosts.
import { createLmStudioClient, type LmStudioEvent, multiAgentQuery } from "@fairlead/lmstudio";
import { createLmStudioSimulator, type SimulatorModel } from "@fairlead/lmstudio/simulator";
import type { Claim, KeyFigure, Scenario, ScenarioContext, ScenarioResult, Table } from "../result.ts";
import { printSpread, type Spread, spread } from "../statistics.ts";

interface Effort {
  readonly rounds: number;
  /** Of an answer; at the document's 26 tokens per second, 60 of them take its 2.3 s. */
  readonly tokens: number;
  readonly loadMs: number;
}

const EFFORT: Readonly<Record<ScenarioContext["profile"], Effort>> = {
  quick: { rounds: 3, tokens: 60, loadMs: 500 },
  full: { rounds: 7, tokens: 60, loadMs: 500 },
};
/** Of one 14B model alone, as the document has it. */
const TOKENS_PER_SECOND = 26;
/** The curve that the simulator follows for one model with 1, 2 and 4 answers at a time. */
const CURVE: Readonly<Record<number, number>> = { 1: 1, 2: 112.8 / 84.6, 4: 133.8 / 84.6 };
const SECOND = 1_000;
/** Models, seconds and tokens per second, as the document has them; it rounds to a tenth of a second. */
const DOCUMENT = [
  [1, 2.3, 26],
  [2, 2.4, 52],
  [4, 2.8, 95],
] as const;
const ROUNDED = 0.05;

export const lmstudio: Scenario = {
  name: "lmstudio",
  description:
    "several LM Studio models at once, beside one after the other and the best possible (simulated hosts)",
  run: (context) => runLmStudio(context, EFFORT[context.profile]),
};

interface Run {
  readonly seconds: number;
  readonly tokens: number;
  readonly loads: number;
  readonly failures: number;
}

/** Separate from {@link lmstudio} so that a test can ask for little. */
export async function runLmStudio({ onProgress }: ScenarioContext, effort: Effort): Promise<ScenarioResult> {
  onProgress("warm-up");
  await askPanel(2, { ...effort, tokens: 2 });
  const panels = await rounds("models", [1, 2, 4], effort, onProgress, async (count) => ({
    sequential: await askInTurn(count, effort),
    concurrent: await askPanel(count, effort),
  }));
  const ten = await rounds("models", [10], effort, onProgress, async (count) => ({
    concurrent: await askPanel(count, effort),
  }));
  const slots = await rounds("slots", [1, 2, 4], effort, onProgress, async (count) => ({
    sequential: await askSlots(count, 1, effort),
    concurrent: await askSlots(count, count, effort),
  }));
  const swaps = await rounds("swaps", [8], effort, onProgress, async (count) => ({
    interleaved: await swapInTurn(count, effort),
    fetched: await swapByFetch(count, effort),
    grouped: await swapTogether(count, effort),
  }));
  const hosts = await rounds("hosts", [1, 2, 4], effort, onProgress, async (count) => ({
    spread: await askHosts(count, effort),
  }));
  return present(effort, panels, ten, slots, swaps, hosts);
}

type Rounds<K extends string> = ReadonlyMap<number, Readonly<Record<K, readonly Run[]>>>;

async function rounds<K extends string>(
  name: string,
  counts: readonly number[],
  { rounds: total }: Effort,
  onProgress: (line: string) => void,
  measure: (count: number) => Promise<Record<K, Run>>,
): Promise<Rounds<K>> {
  const results = new Map<number, Record<K, Run[]>>();
  for (let round = 1; round <= total; round += 1)
    for (const count of counts) {
      const runs = await measure(count);
      const kept = results.get(count) ?? ({} as Record<K, Run[]>);
      results.set(count, kept);
      for (const key of Object.keys(runs) as K[]) kept[key] = [...(kept[key] ?? []), runs[key]];
      const line = (Object.entries(runs) as [K, Run][]).map(
        ([key, { seconds }]) => `${key} ${seconds.toFixed(2)} s`,
      );
      onProgress(`${name} ${count}, round ${round}/${total}: ${line.join(", ")}`);
    }
  return results;
}

function modelsOf(
  count: number,
  { tokens, loadMs }: Effort,
  more: Partial<SimulatorModel> = {},
): SimulatorModel[] {
  return Array.from({ length: count }, (_, at) => ({
    key: `model-${at + 1}`,
    answer: "word ".repeat(tokens).trim(),
    loaded: true,
    loadMs,
    tokensPerSecond: TOKENS_PER_SECOND,
    prefillTokensPerSecond: 1e6,
    ...more,
  }));
}

/** A client and its simulated hosts, each with the same models. */
async function withHosts<T>(
  models: readonly SimulatorModel[],
  count: number,
  action: (
    client: ReturnType<typeof createLmStudioClient>,
    urls: readonly string[],
    events: readonly LmStudioEvent[],
  ) => Promise<T>,
): Promise<T> {
  const simulators = Array.from({ length: count }, () => createLmStudioSimulator({ models }));
  const urls = await Promise.all(simulators.map((simulator) => simulator.listen()));
  const events: LmStudioEvent[] = [];
  const client = createLmStudioClient({
    hosts: urls.map((url, at) => ({ url, name: `host-${at + 1}` })),
    ratePerSecond: 10_000,
    maxConcurrent: 64,
    onEvent: (event) => events.push(event),
  });
  try {
    return await action(client, urls, events);
  } finally {
    await client.close();
    await Promise.all(simulators.map((simulator) => simulator.close()));
  }
}

const ask = (model: string, text = "Go on") => ({
  model,
  messages: [{ role: "user" as const, content: text }],
});

async function timed(work: () => Promise<Omit<Run, "seconds">>): Promise<Run> {
  const startedAt = performance.now();
  const done = await work();
  return { ...done, seconds: (performance.now() - startedAt) / SECOND };
}

function askInTurn(count: number, effort: Effort): Promise<Run> {
  return withHosts(modelsOf(count, effort), 1, (client) =>
    timed(async () => {
      let tokens = 0;
      for (let at = 1; at <= count; at += 1)
        tokens += (await client.chat(ask(`model-${at}`))).usage?.completionTokens ?? 0;
      return { tokens, loads: 0, failures: 0 };
    }),
  );
}

function askPanel(count: number, effort: Effort): Promise<Run> {
  const models = modelsOf(count, effort);
  return withHosts(models, 1, (client) =>
    timed(async () => {
      const { totals } = await multiAgentQuery(client, {
        prompt: "Go on",
        models: models.map(({ key }) => key),
      });
      return { tokens: totals.completionTokens, loads: 0, failures: totals.failed };
    }),
  );
}

/** One model, four slots; so many questions, so many at a time. */
function askSlots(questions: number, atOnce: number, effort: Effort): Promise<Run> {
  return withHosts(modelsOf(1, effort), 1, (client) =>
    timed(async () => {
      let tokens = 0;
      for (let at = 0; at < questions; at += atOnce) {
        const answers = Array.from({ length: atOnce }, (_, more) =>
          client.chat(ask("model-1", String(at + more))),
        );
        for (const { usage } of await Promise.all(answers)) tokens += usage?.completionTokens ?? 0;
      }
      return { tokens, loads: 0, failures: 0 };
    }),
  );
}

const swapping = (effort: Effort): SimulatorModel[] =>
  modelsOf(2, { ...effort, tokens: 5 }, { loaded: false, tokensPerSecond: 500 });

/** Two models in turn, each question after the last one's answer: a swap each time. */
function swapInTurn(count: number, effort: Effort): Promise<Run> {
  return withHosts(swapping(effort), 1, (client, _, events) =>
    timed(async () => {
      let tokens = 0;
      for (let at = 0; at < count; at += 1)
        tokens += (await client.chat(ask(`model-${1 + (at % 2)}`, String(at)))).usage?.completionTokens ?? 0;
      return { tokens, loads: events.filter(({ type }) => type === "load").length, failures: 0 };
    }),
  );
}

/** The same at once, by plain fetch: loads break each other off. */
function swapByFetch(count: number, effort: Effort): Promise<Run> {
  return withHosts(swapping(effort), 1, (_, [url = ""]) =>
    timed(async () => {
      const statuses = await Promise.all(
        Array.from({ length: count }, async (__, at) => {
          const response = await fetch(`${url}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(ask(`model-${1 + (at % 2)}`, String(at))),
          });
          const body = await response.text();
          return response.ok && !body.includes('"error"');
        }),
      );
      return { tokens: 0, loads: Number.NaN, failures: statuses.filter((fine) => !fine).length };
    }),
  );
}

/** The same at once, planned. */
function swapTogether(count: number, effort: Effort): Promise<Run> {
  return withHosts(swapping(effort), 1, (client, _, events) =>
    timed(async () => {
      const models = Array.from({ length: count }, (__, at) => `model-${1 + (at % 2)}`);
      const { totals } = await multiAgentQuery(client, { prompt: "Go on", models });
      return {
        tokens: totals.completionTokens,
        loads: events.filter(({ type }) => type === "load").length,
        failures: totals.failed,
      };
    }),
  );
}

/** Sixteen questions to one model that each host has loaded with four slots. */
const HOST_QUESTIONS = 16;

function askHosts(count: number, effort: Effort): Promise<Run> {
  return withHosts(modelsOf(1, effort), count, (client) =>
    timed(async () => {
      const answers = Array.from({ length: HOST_QUESTIONS }, (_, at) =>
        client.chat(ask("model-1", `${at} of ${HOST_QUESTIONS}`)),
      );
      const tokens = (await Promise.all(answers)).reduce(
        (sum, { usage }) => sum + (usage?.completionTokens ?? 0),
        0,
      );
      return { tokens, loads: 0, failures: 0 };
    }),
  );
}

function present(
  effort: Effort,
  panels: Rounds<"sequential" | "concurrent">,
  ten: Rounds<"concurrent">,
  slots: Rounds<"sequential" | "concurrent">,
  swaps: Rounds<"interleaved" | "fetched" | "grouped">,
  hosts: Rounds<"spread">,
): ScenarioResult {
  const document = new Map(DOCUMENT.map(([count, seconds, tokens]) => [count, `${seconds} s, ${tokens}`]));
  const rate = (runs: readonly Run[]): Spread => spread(runs.map(({ tokens, seconds }) => tokens / seconds));
  const share = (runs: readonly Run[], limit: number): Spread =>
    spread(runs.map(({ tokens, seconds }) => tokens / seconds / limit));
  const time = (runs: readonly Run[]): string => printSpread(spread(runs.map(({ seconds }) => seconds)), 2);
  const panelRows = [...panels].map(([count, { sequential, concurrent }]) => [
    count,
    time(sequential),
    time(concurrent),
    printSpread(rate(concurrent), 1),
    (count * TOKENS_PER_SECOND).toFixed(0),
    printSpread(share(concurrent, count * TOKENS_PER_SECOND), 3),
    document.get(count as 1) ?? "",
  ]);
  const slotLimit = (count: number): number => TOKENS_PER_SECOND * (CURVE[count] ?? 1);
  const slotRows = [...slots].map(([count, { sequential, concurrent }]) => [
    count,
    time(sequential),
    time(concurrent),
    printSpread(rate(concurrent), 1),
    slotLimit(count).toFixed(1),
    printSpread(share(concurrent, slotLimit(count)), 3),
  ]);
  const [swap] = swaps.values();
  const hostLimit = (count: number): number => count * slotLimit(4);
  const hostRows = [...hosts].map(([count, { spread: runs }]) => [
    count,
    time(runs),
    printSpread(rate(runs), 1),
    hostLimit(count).toFixed(1),
    printSpread(share(runs, hostLimit(count)), 3),
  ]);
  const tables: Table[] = [
    {
      title: "Several models, one question each",
      columns: [
        "models",
        "in turn, s",
        "at once, s",
        "tokens/s at once",
        "limit",
        "share of the limit",
        "the document",
      ],
      rows: panelRows,
      note: `Answers of ${effort.tokens} tokens at ${TOKENS_PER_SECOND} tokens per second and model; the simulated models do not slow each other down, so the limit is their sum.`,
    },
    {
      title: "One model with four slots, several questions",
      columns: ["questions", "in turn, s", "at once, s", "tokens/s at once", "limit", "share of the limit"],
      rows: slotRows,
      note: "Answers of one model slow each other down as measured on a real host (1, 1.33 and 1.58 times the speed of one).",
    },
    {
      title: `Two models on a host that holds one, ${[...swaps.keys()][0]} questions in turn`,
      columns: ["how", "seconds", "loads", "failed"],
      rows:
        swap === undefined
          ? []
          : (
              [
                ["one after the other", swap.interleaved],
                ["at once, plain fetch", swap.fetched],
                ["at once, planned", swap.grouped],
              ] as const
            ).map(([how, runs]) => [
              how,
              time(runs),
              printLoads(runs),
              Math.max(...runs.map(({ failures }) => failures)),
            ]),
      note: `A load takes ${effort.loadMs} ms here; on real hosts it takes seconds.`,
    },
    {
      title: `One model on 1, 2 and 4 hosts, ${HOST_QUESTIONS} questions at once`,
      columns: ["hosts", "seconds", "tokens/s", "limit", "share of the limit"],
      rows: hostRows,
    },
  ];
  const shares = [
    ...[...panels].map(([count, { concurrent }]) => share(concurrent, count * TOKENS_PER_SECOND)),
    ...[...slots].map(([count, { concurrent }]) => share(concurrent, slotLimit(count))),
    ...[...hosts].map(([count, { spread: runs }]) => share(runs, hostLimit(count))),
  ];
  const worst = shares.reduce((least, one) => (one.median < least.median ? one : least));
  const four = slots.get(4);
  const gain =
    four === undefined
      ? undefined
      : spread(
          four.sequential.map(({ seconds }, at) => seconds / (four.concurrent[at]?.seconds ?? Number.NaN)),
        );
  return {
    scenario: "lmstudio",
    title: "LM Studio: several models at once",
    summary: [
      "How long answers take when several models, or several slots of one model, are asked at once, beside one after the other, and beside the best that the simulated hosts allow. All hosts are simulated: this measures what the client adds, not how fast a model is.",
    ],
    tables,
    charts: [],
    claims: [...claims(worst, gain, swap), ...panelClaims(panels, ten)],
    keyFigures: keyFigures(shares, worst),
    skipped: [],
    data: {
      effort,
      panels: Object.fromEntries(panels),
      ten: Object.fromEntries(ten),
      slots: Object.fromEntries(slots),
      swaps: Object.fromEntries(swaps),
      hosts: Object.fromEntries(hosts),
    },
  };
}

function printLoads(runs: readonly Run[]): string {
  const loads = runs.map((run) => run.loads).filter((count) => !Number.isNaN(count));
  return loads.length === 0 ? "" : String(Math.max(...loads));
}

function claims(
  worst: Spread,
  gain: Spread | undefined,
  swap: Record<"interleaved" | "grouped", readonly Run[]> | undefined,
): readonly Claim[] {
  const all: Claim[] = [
    {
      source: "this project",
      claim: "at least 0.97 of the tokens per second that the slots allow",
      measured: printSpread(worst, 3),
      limit: "1",
      met: worst.median >= 0.97,
    },
  ];
  if (gain !== undefined)
    all.push({
      source: "concurrent-multi-agent-lmstudio.md",
      claim: "1.18 × faster than one after the other",
      measured: `${printSpread(gain, 2)} × with four slots of one model`,
      limit: "1.58",
      met: gain.median >= 1.18,
    });
  if (swap !== undefined) {
    const saved = spread(
      swap.interleaved.map(({ seconds }, at) => seconds / (swap.grouped[at]?.seconds ?? Number.NaN)),
    );
    all.push({
      source: "this project",
      claim: "a host loads each model at most once",
      measured: `${printLoads(swap.grouped)} loads of 2 models; ${printSpread(saved, 1)} × faster than in turn`,
      met: swap.grouped.every(({ loads }) => loads === 2),
    });
  }
  return all;
}

/** The document's table, whose times are those of models that are simulated here; what was added to them can be measured. */
function panelClaims(
  panels: Rounds<"sequential" | "concurrent">,
  ten: Rounds<"concurrent">,
): readonly Claim[] {
  const source = "concurrent-multi-agent-lmstudio.md";
  const measure = (runs: readonly Run[]): { readonly seconds: number; readonly rate: number } => ({
    seconds: spread(runs.map(({ seconds }) => seconds)).median,
    rate: spread(runs.map(({ tokens, seconds }) => tokens / seconds)).median,
  });
  const rows: Claim[] = DOCUMENT.flatMap(([count, seconds, rate]) => {
    const runs = panels.get(count)?.concurrent;
    if (runs === undefined) return [];
    const measured = measure(runs);
    return {
      source,
      claim: `${count} model${count === 1 ? "" : "s"} at once: ${seconds} s, ${rate} tokens/s`,
      measured: `${measured.seconds.toFixed(2)} s, ${measured.rate.toFixed(1)} tokens/s, on simulated models of 26 tokens/s each`,
      limit: `${(count * TOKENS_PER_SECOND).toFixed(0)} tokens/s`,
      met: measured.seconds <= seconds + ROUNDED && measured.rate >= rate * 0.97,
    };
  });
  const runs = ten.get(10)?.concurrent ?? [];
  const failures = runs.reduce((sum, run) => sum + run.failures, 0);
  rows.push({
    source,
    claim: "up to 10 models at once",
    measured: `10 models: ${measure(runs).seconds.toFixed(2)} s, ${measure(runs).rate.toFixed(0)} tokens/s, ${failures} failed`,
    limit: `${10 * TOKENS_PER_SECOND} tokens/s`,
    met: failures === 0 && measure(runs).rate >= 10 * TOKENS_PER_SECOND * 0.9,
  });
  return rows;
}

function keyFigures(shares: readonly Spread[], worst: Spread): readonly KeyFigure[] {
  return [
    {
      name: "lowest share of the limit",
      value: worst.median,
      low: Math.min(...shares.map(({ min }) => min)),
      high: Math.max(...shares.map(({ max }) => max)),
      better: "higher",
    },
  ];
}
