// A test collection in a folder: documents, queries and judgements, in the layouts that are common.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RagError } from "../errors.ts";
import type { Judgements } from "./metrics.ts";

export interface TestCollection {
  readonly documents: readonly { readonly id: string; readonly title: string; readonly text: string }[];
  readonly queries: readonly { readonly id: string; readonly text: string }[];
  readonly judgements: ReadonlyMap<string, Judgements>;
}

/**
 * Reads `docs.jsonl` or `corpus.jsonl` (`id` or `_id`, `title`, `text`), `queries.jsonl` (`id` or `_id`, `text`), and
 * `qrels.tsv`, `qrels.txt` or `qrels/test.tsv` (query, document, gain; or TREC's four columns). @throws RagError
 */
export function readCollection(folder: string): TestCollection {
  const documents = jsonLines(fileOf(folder, ["docs.jsonl", "corpus.jsonl"])).map((row) => ({
    ...{ id: idOf(row), title: textOf(row["title"]), text: textOf(row["text"]) },
  }));
  const queries = jsonLines(fileOf(folder, ["queries.jsonl"])).map((row) => ({
    id: idOf(row),
    text: textOf(row["text"]),
  }));
  const judgements = new Map<string, Map<string, number>>();
  const qrels = readFileSync(fileOf(folder, ["qrels.tsv", "qrels.txt", join("qrels", "test.tsv")]), "utf8");
  for (const line of qrels.split("\n")) {
    const columns = line.trim().split(/\s+/);
    const [query, gain, document] = [columns[0], Number(columns.at(-1)), columns.at(-2)];
    // A header has no number at its end.
    if (query === undefined || document === undefined || columns.length < 3 || Number.isNaN(gain)) continue;
    const gains = judgements.get(query) ?? new Map<string, number>();
    gains.set(document, gain);
    judgements.set(query, gains);
  }
  return { documents, queries, judgements };
}

function fileOf(folder: string, names: readonly string[]): string {
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new RagError("INVALID_INPUT", `${folder} has no ${names.join(" or ")}: it is no test collection.`, {
    folder,
  });
}

function jsonLines(path: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function idOf(row: Readonly<Record<string, unknown>>): string {
  return String(row["id"] ?? row["_id"]);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
