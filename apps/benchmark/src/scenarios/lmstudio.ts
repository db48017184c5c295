// What asking several models at once brings, on the simulator: beside one after the other, beside what the simulated slots
// allow at best, with swaps in turn and together, and with more hosts.
import { createLmStudioClient, type LmStudioEvent, multiAgentQuery } from "@fairlead/lmstudio";
import { createLmStudioSimulator, type SimulatorModel } from "@fairlead/lmstudio/simulator";
import type { Scenario, ScenarioContext, ScenarioResult } from "../result.ts";
import { HOST_QUESTIONS, presentLmStudio, TOKENS_PER_SECOND } from "./lmstudio-present.ts";

export interface Effort {
  readonly rounds: number;
  /** Of an answer; at the document's 26 tokens per second, 60 of them take its 2.3 s. */
  readonly tokens: number;
  readonly loadMs: number;
}

const EFFORT: Readonly<Record<ScenarioContext["profile"], Effort>> = {
  quick: { rounds: 2, tokens: 60, loadMs: 500 },
  full: { rounds: 7, tokens: 60, loadMs: 500 },
};
const SECOND = 1_000;

export const lmstudio: Scenario = {
  name: "lmstudio",
  description:
    "several LM Studio models at once, beside one after the other and the best possible (simulated hosts)",
  run: (context) => runLmStudio(context, EFFORT[context.profile]),
};

export interface Run {
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
  return presentLmStudio(effort, panels, ten, slots, swaps, hosts);
}

export type Rounds<K extends string> = ReadonlyMap<number, Readonly<Record<K, readonly Run[]>>>;

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
