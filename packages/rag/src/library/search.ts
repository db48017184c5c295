// One question, two searches, one list. Says how it was answered: by words and vectors, or by words alone and why.
import { RagError } from "../errors.ts";
import type { Reranker } from "../rerank/reranker.ts";
import type { ChunkRecord, RagStore, ScoredChunk, SearchFilter } from "../store/store.ts";
import type { Dense } from "./dense.ts";
import { diversify, dot } from "./diversify.ts";
import { reciprocalRankFusion } from "./fuse.ts";
import { MIN_RERANKED, rerank } from "./rerank.ts";

export interface SearchQuery {
  readonly query: string;
  /** What it is about: put before the query where meaning is compared, not where words are. */
  readonly context?: string | undefined;
  /** `hybrid`: words and meaning, fused by rank. @defaultValue "hybrid" */
  readonly mode?: "hybrid" | "vector" | "lexical" | undefined;
  /** 1 to 10 000. @defaultValue 10 */
  readonly limit?: number | undefined;
  /** Least cosine similarity, 0 to 1; hits at exactly this value stay. @defaultValue 0 */
  readonly threshold?: number | undefined;
  readonly filter?: SearchFilter | undefined;
  /** 0: only the best; 1: only what is unlike the hits before. Needs vectors. @defaultValue 0 */
  readonly diversity?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchHit {
  /** Best first, from 1. */
  readonly rank: number;
  readonly score: number;
  /** Cosine similarity to the query, where the chunk has a vector and the query got one. */
  readonly similarity: number | null;
  readonly chunk: ChunkRecord;
}

export interface SearchAnswer {
  /** How it was answered, which need not be how it was asked. */
  readonly mode: "hybrid" | "vector" | "lexical";
  /** What the scores are: cosine similarity, BM25, sums of reciprocal ranks, or a reranker's. Only similarities compare across queries. */
  readonly scoreKind: "similarity" | "bm25" | "rrf" | "rerank";
  /** False when a threshold was asked for and there were no similarities to apply it to. */
  readonly thresholdApplied: boolean;
  readonly hits: readonly SearchHit[];
  /** Why the mode is another one than was asked for, and the like. */
  readonly notices: readonly string[];
}

/** What a search is made with. */
export interface SearchParts {
  readonly store: RagStore;
  readonly dense: Dense;
  readonly reranker?: Reranker | undefined;
}

const DEFAULT_LIMIT = 10;
const MIN_CANDIDATES = 50;
const MAX_LIMIT = 10_000;
const MAX_QUERY_CHARS = 10_000;

export async function search(
  { store, dense, reranker }: SearchParts,
  asked: SearchQuery,
): Promise<SearchAnswer> {
  checkQuery(asked);
  // Diversity is an order of its own.
  const isReranked = reranker !== undefined && (asked.diversity ?? 0) === 0;
  const { limit = DEFAULT_LIMIT } = asked;
  const found = await answerQuery(
    store,
    dense,
    isReranked ? { ...asked, limit: Math.max(limit, MIN_RERANKED) } : asked,
  );
  const all = isReranked ? await rerank(found, reranker, asked.query, asked.signal) : found;
  const answer = { ...all, hits: all.hits.slice(0, limit) };
  const collection = asked.filter?.collection;
  if (answer.hits.length > 0 || collection === undefined) return answer;
  // An empty answer because of a wrong name looks like one because of a wrong question.
  if ((await store.documents({ collection, limit: 1 })).length > 0) return answer;
  return { ...answer, notices: [...answer.notices, `there is no collection "${collection}"`] };
}

async function answerQuery(store: RagStore, dense: Dense, asked: SearchQuery): Promise<SearchAnswer> {
  const {
    query,
    context = "",
    mode = "hybrid",
    limit = DEFAULT_LIMIT,
    threshold = 0,
    filter,
    diversity = 0,
    signal,
  } = asked;
  signal?.throwIfAborted();

  const candidates = Math.max(MIN_CANDIDATES, limit);
  const lexically = (scored: boolean): Promise<readonly ScoredChunk[]> =>
    store.lexical({ text: query, limit: scored ? limit : candidates, filter, scored });
  // Words need no endpoint: they are looked up while it thinks.
  const byWordsAlone = mode === "lexical" || !dense.isConfigured;
  const words = byWordsAlone ? lexically(true) : mode === "vector" ? undefined : lexically(false);
  words?.catch(() => {});
  const meant = context.trim() === "" ? query : `${context}\n${query}`;
  const nearest =
    mode === "lexical"
      ? undefined
      : await findNear(store, dense, meant, { limit: candidates, filter, signal });
  if (nearest === undefined || "reason" in nearest) {
    const notices = nearest === undefined ? [] : [`answered by words alone: ${nearest.reason}`];
    const found = byWordsAlone && words !== undefined ? words : lexically(true);
    const hits = await hitsOf(store, await found, undefined);
    return {
      mode: "lexical",
      scoreKind: "bm25",
      thresholdApplied: threshold === 0,
      hits,
      notices: withThreshold(notices, threshold),
    };
  }

  const { near, vector } = nearest;
  const ranked: readonly ScoredChunk[] =
    words === undefined
      ? near
      : reciprocalRankFusion([await words, near], ({ key }) => key).map(({ item, score }) => ({
          key: item.key,
          score,
        }));
  // Without a threshold, and without diversity, only the hits that are shown need their similarity, and nothing depends on it.
  const isChosen = threshold === 0 && diversity === 0;
  const weighed = isChosen ? ranked.slice(0, limit) : ranked;
  const weights = weigh(store, weighed, near, vector, diversity > 0);
  const chosen = isChosen ? weighed : await choose(weighed, await weights, { limit, threshold, diversity });
  const hits = await hitsOf(store, chosen, weights);
  const scoreKind = mode === "vector" ? "similarity" : "rrf";
  return { mode, scoreKind, thresholdApplied: true, hits, notices: [] };
}

/** What is near in meaning, or why that is not known. */
async function findNear(
  store: RagStore,
  dense: Dense,
  text: string,
  { signal, ...asked }: Pick<SearchQuery, "filter" | "signal"> & { readonly limit: number },
): Promise<
  { readonly near: readonly ScoredChunk[]; readonly vector: Float32Array } | { readonly reason: string }
> {
  const embedded = await dense.query(text, signal);
  signal?.throwIfAborted();
  if ("reason" in embedded) return embedded;
  try {
    return { near: await store.nearest({ ...embedded, ...asked }), vector: embedded.vector };
  } catch (error) {
    // Another process has changed to another model.
    if (!(error instanceof RagError) || error.code !== "EMBEDDING_MISMATCH") throw error;
    dense.forget();
    return { reason: error.message };
  }
}

async function choose(
  ranked: readonly ScoredChunk[],
  { similarity, between }: Weights,
  { limit, threshold, diversity }: Readonly<Record<"limit" | "threshold" | "diversity", number>>,
): Promise<readonly ScoredChunk[]> {
  // A chunk without a vector has no similarity that could reach a threshold.
  const kept =
    threshold === 0 ? ranked : ranked.filter(({ key }) => (similarity.get(key) ?? -1) >= threshold);
  return diversity === 0
    ? kept.slice(0, limit)
    : diversify(kept, limit, diversity, ({ key }) => similarity.get(key) ?? 0, between);
}

function withThreshold(notices: readonly string[], threshold: number): readonly string[] {
  return threshold === 0 ? notices : [...notices, "the threshold was not applied: BM25 scores have no scale"];
}

async function hitsOf(
  store: RagStore,
  scored: readonly ScoredChunk[],
  weights: Promise<Weights> | undefined,
): Promise<readonly SearchHit[]> {
  const [chunks, weighed] = await Promise.all([store.chunks(scored.map(({ key }) => key)), weights]);
  const records = new Map(chunks.map((chunk) => [chunk.key, chunk]));
  return scored
    .flatMap(({ key, score }) => {
      // Gone if it was replaced between the search and now.
      const chunk = records.get(key);
      return chunk === undefined ? [] : [{ score, chunk, similarity: weighed?.similarity.get(key) ?? null }];
    })
    .map((hit, at) => ({ rank: at + 1, ...hit }));
}

interface Weights {
  /** To the query, by key. */
  readonly similarity: ReadonlyMap<number, number>;
  /** Of two chunks; 0 unless all vectors were asked for. */
  between(a: ScoredChunk, b: ScoredChunk): number;
}

async function weigh(
  store: RagStore,
  ranked: readonly ScoredChunk[],
  near: readonly ScoredChunk[],
  query: Float32Array,
  all: boolean,
): Promise<Weights> {
  const similarity = new Map(near.map(({ key, score }) => [key, score]));
  const wanted = ranked.map(({ key }) => key).filter((key) => all || !similarity.has(key));
  const vectors = wanted.length === 0 ? new Map<number, Float32Array>() : await store.vectors(wanted);
  for (const [key, vector] of vectors) if (!similarity.has(key)) similarity.set(key, dot(vector, query));
  return {
    similarity,
    between(a, b) {
      const [left, right] = [vectors.get(a.key), vectors.get(b.key)];
      return left === undefined || right === undefined ? 0 : dot(left, right);
    },
  };
}

function checkQuery({ query, limit = DEFAULT_LIMIT, threshold = 0, diversity = 0 }: SearchQuery): void {
  check(query.trim() !== "", "query must not be empty");
  check(
    query.length <= MAX_QUERY_CHARS,
    `query must have at most ${MAX_QUERY_CHARS} characters, got ${query.length}`,
  );
  check(
    Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT,
    `limit must be an integer from 1 to ${MAX_LIMIT}, got ${limit}`,
  );
  check(threshold >= 0 && threshold <= 1, `threshold must be between 0 and 1, got ${threshold}`);
  check(diversity >= 0 && diversity <= 1, `diversity must be between 0 and 1, got ${diversity}`);
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new RagError("INVALID_INPUT", message);
}
