// Scores of a cross-encoder, by the rerank endpoint that llama.cpp, vLLM, Jina and Cohere have in common. What it answers is
// neither sorted nor complete everywhere, so only the scores are taken from it.
import { RagError } from "../errors.ts";

export interface RerankerOptions {
  /** Base URL, with or without `/v1`, or the whole URL of the endpoint. */
  readonly url: string;
  /** Name of the model; llama.cpp needs none. */
  readonly model?: string | undefined;
  readonly apiToken?: string | undefined;
  /** How long a search waits for it, in milliseconds, from 1. @defaultValue 5 000 */
  readonly timeoutMs?: number | undefined;
  /** A longer text is cut, in UTF-16 code units, from 100. @defaultValue 4 000 */
  readonly maxInputChars?: number | undefined;
  /** Monotonic milliseconds. @defaultValue `performance.now` */
  readonly now?: (() => number) | undefined;
}

export interface Reranker {
  /**
   * How well each text answers the query: higher is better.
   * @throws RagError `RERANK_FAILED`, or the reason of the signal
   */
  scores(
    query: string,
    texts: readonly string[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly number[]>;
}

type Fields = Readonly<Record<string, unknown>>;

/** An endpoint that failed is left alone for so long, so that not every search waits for it. */
const COOL_DOWN_MS = 10_000;

/** @throws RangeError naming the option */
export function createReranker(options: RerankerOptions): Reranker {
  const {
    model,
    apiToken,
    timeoutMs = 5_000,
    maxInputChars = 4_000,
    now = () => performance.now(),
  } = options;
  if (!URL.canParse(options.url)) throw new RangeError(`url must be a URL, got ${options.url}`);
  if (!(timeoutMs >= 1)) throw new RangeError(`timeoutMs must be a number from 1, got ${timeoutMs}`);
  if (!(maxInputChars >= 100))
    throw new RangeError(`maxInputChars must be a number from 100, got ${maxInputChars}`);
  const endpoint = endpointOf(options.url);
  const headers = {
    "content-type": "application/json",
    ...(apiToken === undefined ? {} : { authorization: `Bearer ${apiToken}` }),
  };
  let failure: { readonly error: RagError; readonly until: number } | undefined;

  return {
    async scores(query, texts, { signal } = {}) {
      signal?.throwIfAborted();
      if (failure !== undefined && now() < failure.until) throw failure.error;
      const documents = texts.map((text) => text.slice(0, maxInputChars));
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        const response = await fetch(endpoint, {
          method: "POST",
          headers,
          body: JSON.stringify({ ...(model === undefined ? {} : { model }), query, documents }),
          signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        });
        if (!response.ok) throw new Error(`HTTP ${response.status} ${(await response.text()).slice(0, 200)}`);
        return scoresOf(await response.json(), texts.length);
      } catch (cause) {
        signal?.throwIfAborted();
        const reason = limit.aborted ? `no answer within ${timeoutMs} ms` : messageOf(cause);
        const error = new RagError(
          "RERANK_FAILED",
          `No scores from ${endpoint}: ${reason}.`,
          { endpoint },
          { cause },
        );
        failure = { error, until: now() + COOL_DOWN_MS };
        throw error;
      }
    },
  };
}

function endpointOf(url: string): string {
  const base = url.replace(/\/+$/, "");
  if (/\/rerank(ing)?$/.test(base)) return base;
  return base.endsWith("/v1") ? `${base}/rerank` : `${base}/v1/rerank`;
}

/** `{ results: [{ index, relevance_score }] }`, or TEI's `[{ index, score }]`. */
function scoresOf(answer: unknown, count: number): readonly number[] {
  const { results = answer } = (answer ?? {}) as { readonly results?: unknown };
  if (!Array.isArray(results)) throw new Error("the answer has no results");
  const found = new Map<unknown, unknown>();
  for (const { index, relevance_score, score = relevance_score } of results as readonly Fields[])
    found.set(index, score);
  return Array.from({ length: count }, (_, index) => {
    const score = found.get(index);
    if (typeof score !== "number") throw new Error(`the answer has no score for text ${index} of ${count}`);
    return score;
  });
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
