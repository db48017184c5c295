// A panel of simulated models: what the strategies make of their answers, and of those that fail.
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import {
  createLmStudioClient,
  type LmStudioClient,
  type LmStudioEvent,
  MultiAgentError,
  type MultiAgentRequest,
  type MultiAgentResult,
  multiAgentQuery,
  type PanelProgress,
} from "../src/index.ts";
import type { LmStudioSimulator, SimulatorModel, SimulatorOptions } from "../src/simulator/index.ts";
import { inferences } from "./client.ts";
import { quick, startHost, until } from "./host.ts";

const prompt = "What is six times seven?";
const says = (
  key: string,
  answer: SimulatorModel["answer"],
  more: Partial<SimulatorModel> = {},
): SimulatorModel => ({
  key,
  answer: answer ?? "",
  loaded: true,
  ...quick,
  ...more,
});
const three = [says("a", "The answer is 42."), says("b", "It is 41."), says("c", "I get 42")];
const number = { kind: "last-number" } as const;

interface Panel extends AsyncDisposable {
  readonly client: LmStudioClient;
  readonly simulators: readonly LmStudioSimulator[];
  readonly events: readonly LmStudioEvent[];
  ask(request: Partial<MultiAgentRequest>): Promise<MultiAgentResult>;
}

async function startPanel(
  ...hosts: readonly (Partial<SimulatorOptions> | SimulatorModel[])[]
): Promise<Panel> {
  const started = await Promise.all(
    hosts.map((host) => startHost({ models: three, ...(Array.isArray(host) ? { models: host } : host) })),
  );
  const events: LmStudioEvent[] = [];
  const client = createLmStudioClient({
    hosts: started.map(({ url }, at) => ({ url, name: `host-${at}` })),
    backoffBaseMs: 1,
    ratePerSecond: 10_000,
    maxConcurrent: 50,
    onEvent: (event) => events.push(event),
  });
  return {
    client,
    events,
    simulators: started.map(({ simulator }) => simulator),
    ask: (request) => multiAgentQuery(client, { prompt, models: ["a", "b", "c"], ...request }),
    [Symbol.asyncDispose]: async () => {
      await client.close();
      for (const { simulator } of started) await simulator.close();
    },
  };
}

function statuses({ members }: MultiAgentResult): readonly string[] {
  return members.map(({ status }) => status);
}

async function failureOf(query: Promise<unknown>): Promise<MultiAgentError> {
  const error = await query.catch((reason: unknown) => reason);
  if (error instanceof MultiAgentError) return error;
  throw error;
}

describe("all", () => {
  it("has a row for each, in order, and says how far they agree", async () => {
    await using panel = await startPanel(three);
    const result = await panel.ask({ extractor: number });
    expect(result).toMatchObject({
      strategy: "all",
      answer: null,
      partial: false,
      totals: { succeeded: 3, failed: 0 },
    });
    expect(result.members.map(({ model, value }) => [model, value])).toEqual([
      ["a", "42"],
      ["b", "41"],
      ["c", "42"],
    ]);
    expect(result.agreement).toBeCloseTo(2 / 3, 10);
    expect(result.members[0]).toMatchObject({
      text: "The answer is 42.",
      host: "host-0",
      usage: { completionTokens: 4 },
    });
  });

  it("asks ten at once by default, no more", async () => {
    const keys = Array.from({ length: 14 }, (_, at) => `m${at}`);
    const slow = keys.map((key) => says(key, "w ".repeat(20), { tokensPerSecond: 2_000 }));
    await using panel = await startPanel(slow);
    let most = 0;
    let done = false;
    const query = panel.ask({ models: keys }).finally(() => {
      done = true;
    });
    await until(() => {
      most = Math.max(most, panel.client.hosts()[0]?.inFlight ?? 0);
      return done;
    });
    expect(statuses(await query).every((status) => status === "ok")).toBe(true);
    expect(most).toBe(10);
  });

  it("has failed members as rows with their reason", async () => {
    await using panel = await startPanel({
      faults: [
        { kind: "load-failed", model: "b" },
        { kind: "empty", model: "c" },
      ],
    });
    const result = await panel.ask({});
    expect(statuses(result)).toEqual(["ok", "error", "error"]);
    expect(result.members.map(({ code }) => code)).toEqual([
      undefined,
      "MODEL_LOAD_FAILED",
      "EMPTY_RESPONSE",
    ]);
    expect(result).toMatchObject({ partial: true, totals: { succeeded: 1, failed: 2 } });
  });
});

describe("votes", () => {
  it("by majority: two against one", async () => {
    await using panel = await startPanel(three);
    const result = await panel.ask({ strategy: "majority", extractor: number });
    expect(result).toMatchObject({ answer: "42", seat: 0, tied: false });
    expect(result.votes).toEqual([
      { value: "42", weight: 2, members: [0, 2] },
      { value: "41", weight: 1, members: [1] },
    ]);
  });

  it("of another model's answer do not count", async () => {
    await using panel = await startPanel({ faults: [{ kind: "substitute", model: "c" }] });
    const result = await panel.ask({ strategy: "majority", extractor: number });
    expect(result.members[2]).toMatchObject({ status: "error", code: "MODEL_SUBSTITUTED", value: null });
    expect(result).toMatchObject({ answer: null, tied: true });
  });

  it("that are tied go by the rule", async () => {
    await using panel = await startPanel(three);
    const ask = (tie?: MultiAgentRequest["tie"]): Promise<MultiAgentResult> =>
      panel.ask({
        models: [{ model: "a" }, { model: "b", weight: 3 }],
        strategy: "majority",
        extractor: number,
        ...(tie === undefined ? {} : { tie }),
      });
    expect(await ask()).toMatchObject({ answer: null, tied: true });
    expect(await ask("first")).toMatchObject({ answer: "42", seat: 0 });
    expect(await ask("heaviest")).toMatchObject({ answer: "41", seat: 1 });
  });

  it("weigh by what is given, or by accuracy", async () => {
    await using panel = await startPanel(three);
    const models = [{ model: "a" }, { model: "b", weight: 3 }, { model: "c" }];
    expect(await panel.ask({ strategy: "weighted", extractor: number, models })).toMatchObject({
      answer: "41",
    });
    const byAccuracy = [
      { model: "a", accuracy: 0.3 },
      { model: "b", accuracy: 0.95 },
      { model: "c", accuracy: 0.3 },
    ];
    expect(await panel.ask({ strategy: "weighted", extractor: number, models: byAccuracy })).toMatchObject({
      answer: "41",
    });
  });

  it("of one model asked several times are several", async () => {
    let asked = 0;
    const answer = (): string => {
      asked += 1;
      return asked % 4 === 0 ? "41" : "42";
    };
    await using panel = await startPanel([says("a", answer)]);
    const result = await panel.ask({
      strategy: "majority",
      models: [{ model: "a", count: 8 }],
      extractor: number,
    });
    expect(result).toMatchObject({ answer: "42", agreement: 0.75 });
    expect(result.members).toHaveLength(8);
  });
});

describe("first_k", () => {
  it("takes what comes first and calls the others off", async () => {
    const models = [says("slow", "w ".repeat(500), { tokensPerSecond: 50 }), says("fast", "42")];
    await using panel = await startPanel(models);
    const result = await panel.ask({ strategy: "first_k", models: ["slow", "fast"] });
    expect(result).toMatchObject({ answer: "42", seat: 1, partial: false });
    expect(statuses(result)).toEqual(["cancelled", "ok"]);
    const [simulator] = panel.simulators;
    await until(() => simulator?.instances().every(({ busy }) => busy === 0) === true);
  });

  it("of several waits for so many", async () => {
    const models = [says("slow", "w ".repeat(500), { tokensPerSecond: 50 }), ...three];
    await using panel = await startPanel(models);
    const result = await panel.ask({
      strategy: "majority",
      k: 3,
      models: ["slow", "a", "b", "c"],
      extractor: number,
    });
    expect(result).toMatchObject({ answer: "42", totals: { succeeded: 3 } });
    expect(result.members[0]?.status).toBe("cancelled");
  });
});

describe("a judge", () => {
  const seen: string[] = [];
  /** Picks the answer that has 41 in it, wherever it stands. */
  const judge = says("judge", (text: string) => {
    seen.push(text);
    const letter = /<answer id="(\w+)">\n[^<]*41/.exec(text)?.[1] ?? "A";
    return text.includes("Score each")
      ? JSON.stringify({
          scores: [...text.matchAll(/<answer id="(\w+)">/g)].map(([, id]) => ({
            answer: id,
            score: id === letter ? 9 : 3,
          })),
        })
      : JSON.stringify({ best: letter, reason: "It is the only odd one." });
  });

  it("sees letters in place of names, in another order each round, and picks", async () => {
    seen.length = 0;
    await using panel = await startPanel([...three, judge]);
    const result = await panel.ask({ strategy: "judge", judge: "judge", judgeRounds: 3 });
    expect(result).toMatchObject({
      answer: "It is 41.",
      seat: 1,
      judge: { model: "judge", status: "ok", picks: [1, 1, 1], reason: "It is the only odd one." },
    });
    expect(new Set(seen).size).toBeGreaterThan(1);
    for (const text of seen) expect(text).not.toMatch(/"a"|"b"|"c"|host-0/);
  });

  it("scores, and the best comes first", async () => {
    await using panel = await startPanel([...three, judge]);
    const result = await panel.ask({ strategy: "best_of", judge: "judge" });
    expect(result).toMatchObject({ answer: "It is 41.", seat: 1 });
    expect(result.members.map(({ score }) => score)).toEqual([3, 9, 3]);
  });

  it("is one that is loaded and not on the panel, when none is named", async () => {
    await using panel = await startPanel([...three, judge]);
    expect(await panel.ask({ strategy: "judge" })).toMatchObject({ judge: { model: "judge", status: "ok" } });
    await using alone = await startPanel(three);
    expect(await failureOf(alone.ask({ strategy: "judge" }))).toMatchObject({ code: "JUDGE_REQUIRED" });
    expect(alone.simulators[0]?.requests().filter(({ number: at }) => at !== undefined)).toEqual([]);
  });

  it("that fails leaves the answers", async () => {
    await using panel = await startPanel([...three, says("judge", "I cannot decide.")]);
    const result = await panel.ask({ strategy: "judge", judge: "judge" });
    expect(result).toMatchObject({
      answer: null,
      judge: { status: "failed", code: "INVALID_JSON" },
      totals: { succeeded: 3 },
    });
  });

  it("is not needed for one answer", async () => {
    await using panel = await startPanel({
      models: [...three, judge],
      faults: [
        { kind: "crash", model: "b" },
        { kind: "crash", model: "c" },
      ],
    });
    expect(await panel.ask({ strategy: "judge", judge: "judge" })).toMatchObject({
      answer: "The answer is 42.",
      judge: undefined,
    });
  });
});

it("a writer makes one answer of all", async () => {
  const writer = says("a", (text: string) => (text.includes("<answer") ? "Forty-two, by two to one." : "42"));
  await using panel = await startPanel([writer, says("b", "41")]);
  expect(await panel.ask({ strategy: "synthesize", models: ["a", "b"] })).toMatchObject({
    answer: "Forty-two, by two to one.",
    seat: undefined,
    judge: { model: "a", status: "ok" },
  });
});

describe("limits", () => {
  it("of time leave what has come: a partial result", async () => {
    const clock = createFakeClock();
    const simulated = await startHost({ models: three, faults: [{ kind: "hang", model: "b" }] });
    await using client = createLmStudioClient({ hosts: [simulated.url], clock });
    const query = multiAgentQuery(client, { prompt, models: ["a", "b", "c"], deadlineMs: 5_000, clock });
    await until(() => (client.hosts()[0]?.stats.succeeded ?? 0) === 2);
    await clock.advance(5_100);
    const result = await query;
    expect(statuses(result)).toEqual(["ok", "timeout", "ok"]);
    expect(result).toMatchObject({ partial: true, members: [{}, { code: "DEADLINE_EXCEEDED" }, {}] });
    await client.close();
    await simulated.simulator.close();
  });

  it("of each member's time end that member alone", async () => {
    const clock = createFakeClock();
    const simulated = await startHost({ models: three, faults: [{ kind: "hang", model: "b" }] });
    await using client = createLmStudioClient({ hosts: [simulated.url], clock });
    const query = multiAgentQuery(client, { prompt, models: ["a", "b"], modelTimeoutMs: 1_000, clock });
    await until(() => (client.hosts()[0]?.stats.succeeded ?? 0) === 1);
    await clock.advance(1_100);
    expect(statuses(await query)).toEqual(["ok", "timeout"]);
    await client.close();
    await simulated.simulator.close();
  });

  it("of success: fewer answers are an error that has the rows", async () => {
    await using panel = await startPanel({ faults: [{ kind: "load-failed" }] });
    const error = await failureOf(panel.ask({ minSuccess: 2 }));
    expect(error).toMatchObject({ code: "TOO_FEW_ANSWERS", result: { totals: { succeeded: 0, failed: 3 } } });
    expect(error.message).toBe("0 of 3 models answered, 2 had to (MODEL_LOAD_FAILED)");
  });

  it("of tokens and cost leave members unasked", async () => {
    await using panel = await startPanel(three);
    const tokens = await panel.ask({ maxTokens: 100, maxConcurrent: 1, budget: { maxTokens: 120 } });
    expect(statuses(tokens)).toEqual(["ok", "ok", "skipped"]);
    expect(tokens.members[2]).toMatchObject({ code: "BUDGET_EXCEEDED" });
    const prices = { a: { input: 1, output: 10 }, b: { input: 1, output: 10 } };
    const cost = await panel.ask({ maxTokens: 100, budget: { maxCost: 0.0011, prices } });
    expect(statuses(cost)).toEqual(["ok", "skipped", "ok"]);
    expect(cost.totals.cost).toBeCloseTo((6 * 1 + 4 * 10) / 1e6, 12);
  });

  it("by the caller end everything with its reason", async () => {
    await using panel = await startPanel({ faults: [{ kind: "stall" }] });
    const caller = new AbortController();
    const query = panel.ask({ signal: caller.signal }).catch((reason: unknown) => reason);
    await until(() => panel.client.hosts()[0]?.inFlight === 3);
    caller.abort("enough");
    expect(await query).toBe("enough");
    await until(() => panel.simulators[0]?.instances().every(({ busy }) => busy === 0) === true);
  });
});

describe("the planner", () => {
  const cold = ["a", "b", "c"].map((key) => says(key, "42", { loaded: false, loadMs: 5 }));

  it("has a host load each model once, however the seats are mixed", async () => {
    await using panel = await startPanel(cold);
    const models = ["a", "b", "c", "a", "b", "c", "a", "b", "c"];
    const result = await panel.ask({ models, maxConcurrent: 3 });
    expect(statuses(result).every((status) => status === "ok")).toBe(true);
    expect(panel.events.flatMap((event) => (event.type === "load" ? [event.model] : []))).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(panel.events.filter(({ type }) => type === "attempt-failed")).toEqual([]);
  });

  it("asks what is loaded first", async () => {
    await using panel = await startPanel(cold);
    await panel.client.chat({ model: "b", messages: [{ role: "user", content: "warm up" }] });
    await panel.ask({ models: ["a", "b", "a", "b"] });
    const asked = panel.simulators[0]
      ?.requests()
      .flatMap(({ number: at, model }) => (at === undefined ? [] : [model]));
    expect(asked).toEqual(["b", "b", "b", "a", "a"]);
  });

  it("spreads cold models over the hosts", async () => {
    await using panel = await startPanel(cold, cold);
    const result = await panel.ask({ models: ["a", "b", "a", "b"] });
    const hosts = new Map(result.members.map(({ model, host }) => [model, host]));
    expect(new Set(hosts.values()).size).toBe(2);
    expect(panel.simulators.map((simulator) => simulator.instances().length)).toEqual([1, 1]);
  });

  it("gives way when the chosen host is gone", async () => {
    await using panel = await startPanel(cold, cold);
    await panel.simulators[0]?.close();
    const result = await panel.ask({ models: ["a", "b"] });
    expect(result.members.map(({ host, status }) => [host, status])).toEqual([
      ["host-1", "ok"],
      ["host-1", "ok"],
    ]);
  });
});

it("progress is told for each member", async () => {
  await using panel = await startPanel({ faults: [{ kind: "load-failed", model: "b" }] });
  const seen: PanelProgress[] = [];
  await panel.ask({ onProgress: (progress) => seen.push(progress) });
  expect(seen.map(({ done, total }) => [done, total])).toEqual([
    [1, 3],
    [2, 3],
    [3, 3],
  ]);
  expect(seen.map(({ message }) => message).toSorted()).toEqual([
    "a: answered",
    "b: error (MODEL_LOAD_FAILED)",
    "c: answered",
  ]);
});

it.each<[Partial<MultiAgentRequest>, string]>([
  [{ prompt: " " }, "prompt must not be empty"],
  [{ models: [] }, "the number of members must be an integer from 1 to 50, got 0"],
  [{ models: [{ model: "a", count: 51 }] }, "models[].count must be an integer from 1 to 50, got 51"],
  [{ strategy: "best" as "all" }, "strategy must be one of all, first_k"],
  [{ k: 4 }, "k must be an integer from 1 to 3, got 4"],
  [{ minSuccess: 4 }, "minSuccess must be an integer from 1 to 3, got 4"],
  [{ maxConcurrent: 0 }, "maxConcurrent must be an integer from 1 to 50, got 0"],
  [{ deadlineMs: 0 }, "deadlineMs must be a finite number above 0, got 0"],
  [{ judge: "a", strategy: "judge" }, "judge must not be on the panel, got a"],
  [{ extractor: { kind: "regex", pattern: "(" } }, "extractor.pattern must be a regular expression"],
])("%j is refused", async (request, message) => {
  await using panel = await startPanel(three);
  await expect(panel.ask(request)).rejects.toThrow(message);
  expect(inferences({ simulator: panel.simulators[0] as LmStudioSimulator })).toBe(0);
});
