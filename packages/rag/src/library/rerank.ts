// The last step of a search, where there is a reranker: the best hits in the order that it gives them.
import { RagError } from "../errors.ts";
import type { Reranker } from "../rerank/reranker.ts";
import type { SearchAnswer } from "./search.ts";

/** Hits that a reranker is shown, unless more were asked for. More of them find more, and take longer. */
export const MIN_RERANKED = 50;

/** An answer in the reranker's order; when that fails, in the order that it had, and a notice says so. */
export async function rerank(
  answer: SearchAnswer,
  reranker: Reranker,
  query: string,
  signal: AbortSignal | undefined,
): Promise<SearchAnswer> {
  if (answer.hits.length === 0) return answer;
  const texts = answer.hits.map(({ chunk: { heading, text } }) =>
    heading === "" ? text : `${heading}\n${text}`,
  );
  try {
    const scores = await reranker.scores(query, texts, { signal });
    const hits = answer.hits
      .map((hit, at) => ({ ...hit, score: scores[at] as number }))
      .toSorted((a, b) => b.score - a.score)
      .map((hit, at) => ({ ...hit, rank: at + 1 }));
    return { ...answer, scoreKind: "rerank", hits };
  } catch (error) {
    if (!(error instanceof RagError) || error.code !== "RERANK_FAILED") throw error;
    return { ...answer, notices: [...answer.notices, `not reranked: ${error.message}`] };
  }
}
