// `fairlead rag eval`: measures retrieval on a collection with judgements.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RagError } from "../errors.ts";
import { readCollection } from "../eval/collection.ts";
import { runEvaluation } from "../eval/run.ts";
import { libraryFlags, openLibrary } from "../options.ts";
import { numberOf, oneOf } from "./find.ts";
import { type CommandIo, progressLine } from "./io.ts";

export async function evalCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...libraryFlags,
      data: { type: "string" },
      mode: { type: "string" },
      depth: { type: "string" },
      "min-map": { type: "string" },
      "min-ndcg": { type: "string" },
      json: { type: "boolean" },
    },
  });
  const data = values.data ?? io.env["FAIRLEAD_RAG_EVAL_DATA"];
  if (data === undefined)
    throw new RagError("INVALID_INPUT", "name the folder of the collection: --data <folder>");
  const collection = readCollection(data);
  const temporary =
    values.store === undefined ? await mkdtemp(join(tmpdir(), "fairlead-rag-eval-")) : undefined;
  try {
    await using library = await openLibrary(
      temporary === undefined ? values : { ...values, store: join(temporary, "eval.sqlite") },
      io.env,
    );
    const progress = { ingest: progressLine(io, "ingested"), search: progressLine(io, "asked") };
    const result = await runEvaluation(library, collection, {
      mode: oneOf("mode", values.mode, ["lexical", "vector", "hybrid"]),
      depth: numberOf(values.depth),
      signal: io.interrupt(),
      onProgress: (stage, done, total) => progress[stage](done, total),
    });
    const figure = (value: number): string => value.toFixed(4);
    io.stdout.write(
      values.json === true
        ? `${JSON.stringify(result)}\n`
        : `${result.documents} documents in ${result.chunks} chunks, ${result.queries} queries with judgements, ${result.mode}, depth ${result.depth}
MAP ${figure(result.map)}   nDCG@10 ${figure(result.ndcg10)} (graded ${figure(result.ndcg10Graded)})   R@100 ${figure(result.recall100)}
ingest ${result.ingestSeconds.toFixed(1)} s, ${result.msPerQuery.toFixed(1)} ms per query\n`,
    );
    const tooLow =
      result.map < (numberOf(values["min-map"]) ?? 0) || result.ndcg10 < (numberOf(values["min-ndcg"]) ?? 0);
    return tooLow ? 1 : 0;
  } finally {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  }
}
