// The page of the documentation, written from results, so that no figure in it can be older than they are.
import { printMachine } from "../machine.ts";
import { printTable } from "../report/markdown.ts";
import { inOrder, QUESTIONS } from "../report/words.ts";
import type { Report } from "../result.ts";
import { type LedgerLine, readLedger } from "./ledger.ts";

const VERDICTS: Readonly<Record<LedgerLine["verdict"], string>> = {
  holds: "✓ holds",
  "holds not": "**✗ does not hold**",
  "cannot be checked": "cannot be checked",
  "no result": "nothing to measure",
  "not measured": "not measured yet",
};

export function printDocs(all: readonly Report[]): string {
  const reports = inOrder(all);
  const goals = reports.flatMap(({ result }) =>
    result.claims.filter(({ source }) => source === "this project").map((claim) => ({ ...claim, result })),
  );
  const documents = [...new Set(readLedger(reports).map(({ document }) => document))];
  return `${[
    "# Benchmarks",
    "<!-- Written by `npm run benchmark -- docs` from apps/benchmark/results; a test compares. Change those, not this. -->",
    "What the gateway costs and what it withstands, measured beside other programs that did the same work on the same machine in the same minutes. How it is measured, and what the words mean: [apps/benchmark](../apps/benchmark/README.md); everything with charts, on one page: [results](../apps/benchmark/results/index.html).",
    picture(
      "benchmark",
      "The report in a browser: how much holds, questions, words, promises and what was measured",
    ),
    "## Measure it yourself",
    "```sh\nnpm run benchmark              # overhead, quick: about three minutes\nnpm run benchmark:quick        # what CI compares with results/quick, without other gateways\nnpm run benchmark:baseline     # everything below but LM Studio and pick, about 25 minutes on a quiet machine\nnpm run benchmark:lmstudio     # LM Studio, about seven minutes; --out apps/benchmark/results keeps it here\nnpm run benchmark -- --help    # every scenario and option\n```",
    "## What the source documents promise",
    "Every figure about speed or reliability in the five documents that this project began with, in their order, and what came out.",
    ...documents.map((document) => printDocument(document, readLedger(reports))),
    printTable({
      title: "What this project set itself",
      note: "Stricter goals, mostly in comparison with others. What is missed stays here until it is met.",
      columns: ["goal", "measured", "limit", ""],
      rows: goals.map(({ claim, measured, limit = "", met }) => [
        claim,
        measured,
        limit,
        met ? "✓ met" : "**✗ missed**",
      ]),
    }),
    "## How it looks",
    picture(
      "benchmark-overhead",
      "Charts of what a call costs through the gateway and through other programs",
    ),
    picture("benchmark-failover", "Charts of calls that failed while servers crashed, hung and restarted"),
    printTable({
      title: "Where the figures come from",
      columns: ["scenario", "question", "profile", "took s", "measured at", "commit"],
      rows: reports.map(({ measuredAt, profile, machine, seconds, result: { scenario, title } }) => [
        `[${scenario}](../apps/benchmark/results/${scenario}.md)`,
        QUESTIONS[scenario] ?? title,
        profile,
        seconds === undefined ? "" : Math.round(seconds),
        measuredAt,
        machine.commit,
      ]),
    }),
    [...new Set(reports.map(({ machine }) => `- ${printMachine(machine)}`))].join("\n"),
  ].join("\n\n")}\n`;
}

function picture(name: string, words: string): string {
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="images/${name}-dark.png">
  <img alt="${words}" src="images/${name}-light.png">
</picture>`;
}

function printDocument(document: string, lines: readonly LedgerLine[]): string {
  return printTable({
    title: document,
    columns: ["promised", "measured", "limit", "by", ""],
    rows: lines
      .filter((line) => line.document === document)
      .map(({ section, figure, measured, limit, scenario, verdict }) => [
        `${figure} (${section})`,
        measured,
        limit,
        scenario,
        VERDICTS[verdict],
      ]),
  }).replace("## ", "### ");
}
