// Embeddings of any OpenAI-compatible endpoint, through the client of @fairlead/lmstudio. It is careful with what real
// servers do: no empty texts, no `dimensions`, texts cut to a length, a refused batch halved until the culprit is found.
import {
  createLmStudioClient,
  type LmStudioClient,
  type LmStudioClientOptions,
  LmStudioError,
} from "@fairlead/lmstudio";
import { RagError } from "../errors.ts";
import type { EmbeddingSpace } from "../store/store.ts";
import { defaultPrefixes } from "./prefixes.ts";

export interface EmbedderOptions {
  /** Name of the model, as the endpoint knows it. */
  readonly model: string;
  /** Base URLs, with or without `/v1`; further ones share the work. */
  readonly hosts: readonly string[];
  readonly apiToken?: string | undefined;
  /** Put before each document text. @defaultValue what the model's makers say, where that is known; else nothing */
  readonly documentPrefix?: string | undefined;
  readonly queryPrefix?: string | undefined;
  /** Texts in one request, 1 to 2 048. @defaultValue 32 */
  readonly batchSize?: number | undefined;
  /** A longer text is cut, in UTF-16 code units, from 100. @defaultValue 8 000 */
  readonly maxInputChars?: number | undefined;
  /** How long a query waits for its vector, in milliseconds. @defaultValue 5 000 */
  readonly queryTimeoutMs?: number | undefined;
  /** Further options of the client: rates, retries, time limits. */
  readonly client?: Omit<LmStudioClientOptions, "hosts" | "apiToken"> | undefined;
}

export interface EmbedOptions {
  readonly signal?: AbortSignal | undefined;
}

/** All vectors have length 1. All functions throw RagError `EMBEDDING_FAILED`, or the reason of the signal. */
export interface Embedder {
  /** What its vectors are; asks the endpoint for one vector, once, to learn the dimension. */
  space(options?: EmbedOptions): Promise<EmbeddingSpace>;
  documents(texts: readonly string[], options?: EmbedOptions): Promise<readonly Float32Array[]>;
  query(text: string, options?: EmbedOptions): Promise<Float32Array>;
  close(): Promise<void>;
}

const MIN_TEXT_CHARS = 64;
const KEPT_QUERIES = 256;
const CONCURRENT_BATCHES = 2;
/** What may be the fault of one text in the batch. */
const SPLIT_CODES: readonly string[] = [
  "INVALID_REQUEST",
  "SERVER_ERROR",
  "CONTEXT_OVERFLOW",
  "INVALID_RESPONSE",
];

/** @throws RangeError naming the option */
export function createEmbedder(options: EmbedderOptions): Embedder {
  const { model, hosts, apiToken, batchSize = 32, maxInputChars = 8_000, queryTimeoutMs = 5_000 } = options;
  checkRange("batchSize", batchSize, 1, 2_048);
  checkRange("maxInputChars", maxInputChars, 100, 10_000_000);
  checkRange("queryTimeoutMs", queryTimeoutMs, 1, 600_000);
  const known = defaultPrefixes(model);
  const { documentPrefix = known.document, queryPrefix = known.query } = options;
  const client = createLmStudioClient({
    ...options.client,
    hosts,
    ...(apiToken === undefined ? {} : { apiToken }),
  });
  const queries = new Map<string, Float32Array>();
  let probed: Promise<EmbeddingSpace> | undefined;

  const space = (signal: AbortSignal | undefined): Promise<EmbeddingSpace> => {
    probed ??= embedTexts(client, model, [`${documentPrefix}dimension`], maxInputChars, signal).then(
      ([vector]) => ({
        ...{ model, dimension: vector?.length ?? 0, documentPrefix, queryPrefix },
      }),
    );
    const asked = probed;
    asked.catch(() => {
      if (probed === asked) probed = undefined;
    });
    return asked;
  };
  const ofDimension = async (vectors: readonly Float32Array[], signal: AbortSignal | undefined) => {
    const { dimension } = await space(signal);
    for (const { length } of vectors)
      if (length !== dimension)
        throw new RagError(
          "EMBEDDING_FAILED",
          `${model} answered with ${length} dimensions; before it had ${dimension}.`,
        );
    return vectors;
  };

  return {
    space: ({ signal } = {}) => space(signal),
    async documents(texts, { signal } = {}) {
      const batches: string[][] = [];
      for (let at = 0; at < texts.length; at += batchSize)
        batches.push(
          texts.slice(at, at + batchSize).map((text) => documentPrefix + (text.trim() === "" ? "-" : text)),
        );
      const results: (readonly Float32Array[])[] = [];
      for (let at = 0; at < batches.length; at += CONCURRENT_BATCHES) {
        signal?.throwIfAborted();
        const part = batches.slice(at, at + CONCURRENT_BATCHES);
        results.push(
          ...(await Promise.all(
            part.map((batch) => embedTexts(client, model, batch, maxInputChars, signal)),
          )),
        );
      }
      return ofDimension(results.flat(), signal);
    },
    async query(text, { signal } = {}) {
      const kept = queries.get(text);
      if (kept !== undefined) return kept;
      const limit = AbortSignal.timeout(queryTimeoutMs);
      const both = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      try {
        const [vector] = await ofDimension(
          await embedTexts(client, model, [queryPrefix + text], maxInputChars, both),
          both,
        );
        if (vector === undefined)
          throw new RagError("EMBEDDING_FAILED", `${model} gave no vector for the query.`);
        if (queries.size >= KEPT_QUERIES) queries.delete(queries.keys().next().value ?? "");
        queries.set(text, vector);
        return vector;
      } catch (error) {
        signal?.throwIfAborted();
        if (!limit.aborted) throw error;
        throw new RagError(
          "EMBEDDING_FAILED",
          `${model} gave no vector for the query within ${queryTimeoutMs} ms.`,
        );
      }
    },
    close: () => client.close(),
  };
}

async function embedTexts(
  client: LmStudioClient,
  model: string,
  texts: readonly string[],
  maxChars: number,
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> {
  const input = texts.map((text) => text.slice(0, maxChars));
  try {
    const vectors = await client.embed(
      { model, input, batchSize: Math.max(1, input.length) },
      signal === undefined ? {} : { signal },
    );
    return vectors.map((vector) => normalised(vector, model));
  } catch (error) {
    signal?.throwIfAborted();
    const code = error instanceof LmStudioError ? error.code : undefined;
    const longest = Math.max(...input.map(({ length }) => length));
    if (code !== undefined && SPLIT_CODES.includes(code)) {
      if (input.length > 1) {
        const middle = Math.ceil(input.length / 2);
        const first = await embedTexts(client, model, input.slice(0, middle), maxChars, signal);
        return [...first, ...(await embedTexts(client, model, input.slice(middle), maxChars, signal))];
      }
      if (longest > 2 * MIN_TEXT_CHARS)
        return embedTexts(client, model, input, Math.floor(longest / 2), signal);
    }
    if (error instanceof RagError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const facts = code === undefined ? { model } : { model, cause: code };
    throw new RagError("EMBEDDING_FAILED", `No embedding from ${model}: ${reason}`, facts, { cause: error });
  }
}

function normalised(values: readonly number[], model: string): Float32Array {
  const vector = Float32Array.from(values);
  let sum = 0;
  for (const value of vector) sum += value * value;
  const length = Math.sqrt(sum);
  if (!(length > 0 && Number.isFinite(length)))
    throw new RagError("EMBEDDING_FAILED", `${model} answered with a vector of length ${length}.`, { model });
  return vector.map((value) => value / length);
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, got ${value}`);
}
