// Measures of a ranking, as NIST's trec_eval computes them: averaged over all queries that have a relevant document.

/** Judgements of one query: gain by document; above 0 is relevant. */
export type Judgements = ReadonlyMap<string, number>;

export interface Metrics {
  /** Mean average precision at the depth that was retrieved, 0 to 1. */
  readonly map: number;
  /** Normalised discounted cumulative gain of the first 10, every relevant document counting 1. */
  readonly ndcg10: number;
  /** The same with the judgements' gains. */
  readonly ndcg10Graded: number;
  /** Share of the relevant documents among the first 100. */
  readonly recall100: number;
  readonly queries: number;
}

/** `rankings` has, by query, ids of documents, best first, each once. A query without a ranking counts as 0. */
export function evaluate(
  rankings: ReadonlyMap<string, readonly string[]>,
  judgements: ReadonlyMap<string, Judgements>,
): Metrics {
  const judged = [...judgements].filter(([, gains]) => relevantOf(gains).length > 0);
  const mean = (measure: (ranking: readonly string[], gains: Judgements) => number): number =>
    judged.reduce((sum, [query, gains]) => sum + measure(rankings.get(query) ?? [], gains), 0) /
    Math.max(1, judged.length);
  return {
    map: mean(averagePrecision),
    ndcg10: mean((ranking, gains) => ndcg(ranking, binary(gains), 10)),
    ndcg10Graded: mean((ranking, gains) => ndcg(ranking, gains, 10)),
    recall100: mean((ranking, gains) => {
      const found = ranking.slice(0, 100).filter((id) => (gains.get(id) ?? 0) > 0).length;
      return found / relevantOf(gains).length;
    }),
    queries: judged.length,
  };
}

function averagePrecision(ranking: readonly string[], gains: Judgements): number {
  let found = 0;
  let sum = 0;
  for (const [at, id] of ranking.entries()) if ((gains.get(id) ?? 0) > 0) sum += ++found / (at + 1);
  return sum / relevantOf(gains).length;
}

/** Järvelin and Kekäläinen 2002, with the logarithm from the first place on, as in trec_eval. */
function ndcg(ranking: readonly string[], gains: Judgements, depth: number): number {
  const discounted = (values: readonly number[]): number =>
    values.slice(0, depth).reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
  const ideal = discounted([...gains.values()].filter((gain) => gain > 0).toSorted((a, b) => b - a));
  return discounted(ranking.map((id) => Math.max(0, gains.get(id) ?? 0))) / ideal;
}

function binary(gains: Judgements): Judgements {
  return new Map([...gains].map(([id, gain]) => [id, gain > 0 ? 1 : 0]));
}

function relevantOf(gains: Judgements): readonly number[] {
  return [...gains.values()].filter((gain) => gain > 0);
}
