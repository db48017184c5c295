// Real answers of four models to 1,319 questions of GSM8K, with labels (openai/grade-school-math, MIT): FAIRLEAD_GSM8K is the path
// of its `example_model_solutions.jsonl`. The extractor has to agree with every label; what voting is worth is computed anew.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createLmStudioClient, type Extractor, multiAgentQuery } from "../src/index.ts";
import { extract } from "../src/multi-agent/extract.ts";
import { type Ballot, countVotes, type TieRule } from "../src/multi-agent/vote.ts";
import { seatWeight } from "../src/multi-agent/weights.ts";
import { quick, startHost } from "./host.ts";

const path = process.env["FAIRLEAD_GSM8K"];
const names = ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"] as const;

interface Solution {
  readonly is_correct: boolean;
  readonly solution: string;
}
type Row = Readonly<Record<(typeof names)[number], Solution>> & {
  readonly question: string;
  readonly ground_truth: string;
};

const rows: readonly Row[] =
  path === undefined
    ? []
    : readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Row);
const byNumber: Extractor = { kind: "last-number" };
/** Two of the answers never come to an end: they are no vote, though there are numbers in them. */
const byMark: Extractor = { kind: "regex", pattern: "A:\\s*(.*)" };

function valueIn(row: Row, name: (typeof names)[number]): string | null {
  return extract(byMark, row[name].solution);
}

function truthOf(row: Row): string | null {
  return extract(byMark, row.ground_truth);
}

/** In per cent, with one decimal. */
function share(part: number, whole: number): number {
  return Math.round((1_000 * part) / whole) / 10;
}

function accuracyOf(
  some: readonly Row[],
  weights: readonly number[],
  standings: readonly number[],
  tie: TieRule,
): number {
  const right = some.filter((row) => {
    const ballots = names.map(
      (name, seat): Ballot => ({
        seat,
        value: valueIn(row, name),
        weight: weights[seat] ?? 1,
        standing: standings[seat] ?? 1,
      }),
    );
    return countVotes(ballots, tie).winner?.value === truthOf(row);
  });
  return share(right.length, some.length);
}

describe.skipIf(path === undefined)("GSM8K", () => {
  const equal = [1, 1, 1, 1];
  const accuracies = names.map((name) => rows.filter((row) => row[name].is_correct).length / rows.length);

  it.each([byNumber, byMark])("the extractor %j agrees with the label of every answer", (extractor) => {
    const wrong = rows.flatMap((row) =>
      names.filter((name) => {
        const value = extract(extractor, row[name].solution);
        return (value !== null && value === extract(extractor, row.ground_truth)) !== row[name].is_correct;
      }),
    );
    expect([rows.length * names.length, wrong.length]).toEqual([5_276, 0]);
  });

  it("voting is worth no more than the best model, whatever the rule for ties", () => {
    expect(accuracies.map((accuracy) => share(accuracy, 1))).toEqual([21.7, 39, 34.7, 56.3]);
    expect(accuracyOf(rows, equal, accuracies, "heaviest")).toBe(56.3);
    expect(accuracyOf(rows, equal, equal, "first")).toBe(44.3);
    expect(accuracyOf(rows, equal, equal, "abstain")).toBe(42.8);
  });

  it("weights fitted on one half do as well as the best model on the other", () => {
    const [fit, score] = [rows.slice(0, 660), rows.slice(660)];
    const fitted = names.map((name) => fit.filter((row) => row[name].is_correct).length / fit.length);
    const weights = fitted.map((accuracy) => seatWeight({ accuracy }));
    const best = share(score.filter((row) => row["175b_verification"].is_correct).length, score.length);
    const weighted = accuracyOf(score, weights, weights, "abstain");
    console.log(
      `weighted ${weighted} %, best model ${best} %, weights ${weights.map((weight) => weight.toFixed(2)).join(", ")}`,
    );
    expect(Math.abs(weighted - best)).toBeLessThan(2);
  });

  it("how many agree says how far to trust the answer", () => {
    const groups = [1, 2, 3, 4].map((size) => {
      const some = rows.filter((row) => {
        const ballots = names.map((name, seat) => ({ seat, value: valueIn(row, name), weight: 1 }));
        return Math.round(countVotes(ballots, "first").agreement * names.length) === size;
      });
      return [some.length, accuracyOf(some, equal, accuracies, "heaviest")];
    });
    expect(groups).toEqual([
      [488, 31.1],
      [423, 54.4],
      [245, 83.7],
      [163, 95.7],
    ]);
  });

  it("a panel of models that give these answers comes to the same", async () => {
    const some = rows.slice(0, 50);
    const models = names.map((name) => ({
      key: name,
      loaded: true,
      answer: (prompt: string) => some.find(({ question }) => question === prompt)?.[name].solution ?? "",
      ...quick,
    }));
    await using host = await startHost({ models });
    await using client = createLmStudioClient({ hosts: [host.url], ratePerSecond: 1e6 });
    for (const row of some) {
      const result = await multiAgentQuery(client, {
        prompt: row.question,
        models: names,
        strategy: "majority",
        extractor: byMark,
      });
      const ballots = names.map((name, seat) => ({ seat, value: valueIn(row, name), weight: 1 }));
      const { winner, agreement } = countVotes(ballots, "abstain");
      expect(result).toMatchObject({ answer: winner?.value ?? null, agreement });
    }
  });
});

it.runIf(path === undefined)("GSM8K is left out: FAIRLEAD_GSM8K is not set", () => {
  expect(rows).toEqual([]);
});
