// The result of the scenario of several LM Studio models: tables, and what its document promises.
import type { Claim, KeyFigure, ScenarioResult, Table } from "../result.ts";
import { printSpread, type Spread, spread } from "../statistics.ts";
import type { Effort, Rounds, Run } from "./lmstudio.ts";

/** Of one 14B model alone, as the document has it. */
export const TOKENS_PER_SECOND = 26;
/** The curve that the simulator follows for one model with 1, 2 and 4 answers at a time. */
const CURVE: Readonly<Record<number, number>> = { 1: 1, 2: 112.8 / 84.6, 4: 133.8 / 84.6 };
/** Sixteen questions to one model that each host has loaded with four slots. */
export const HOST_QUESTIONS = 16;
/** Models, seconds and tokens per second, as the document has them; it rounds to a tenth of a second. */
const DOCUMENT = [
  [1, 2.3, 26],
  [2, 2.4, 52],
  [4, 2.8, 95],
] as const;
const ROUNDED = 0.05;

export function presentLmStudio(
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
