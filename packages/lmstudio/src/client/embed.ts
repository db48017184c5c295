// Embeddings in batches, put back in order.
import type { Attempt, Caller, CallSettings } from "./caller.ts";
import { errorOfBody, field, parsed } from "./classify.ts";
import { LmStudioError, ModelSubstitutedError } from "./errors.ts";
import { sameModel } from "./model-names.ts";

export interface EmbeddingRequest {
  readonly model: string;
  readonly input: readonly string[];
  /** Texts in one request, from 1. @defaultValue 64 */
  readonly batchSize?: number;
}

/** One vector per text, in the order of the texts. */
export async function embed(
  { model, input, batchSize = 64 }: EmbeddingRequest,
  settings: CallSettings,
  call: Caller,
): Promise<readonly (readonly number[])[]> {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`batchSize must be an integer from 1, got ${batchSize}`);
  const vectors: (readonly number[])[] = [];
  for (let at = 0; at < input.length; at += batchSize) {
    const batch = input.slice(at, at + batchSize);
    const promptLength = batch.reduce((sum, text) => sum + text.length, 0);
    const subject = { model, promptLength, loads: "in-place" as const };
    vectors.push(...(await call(subject, settings, (attempt) => embedBatch(model, batch, attempt))));
  }
  return vectors;
}

async function embedBatch(
  model: string,
  batch: readonly string[],
  { host, signal, answered }: Attempt,
): Promise<readonly (readonly number[])[]> {
  const facts = { host: host.name, model };
  const body = { model, input: batch };
  const answer = await host.transport.send({ method: "POST", path: "/v1/embeddings", body }, signal);
  const text = await answer.text();
  const value = parsed(text);
  const data = field(value, "data");
  if (answer.status !== 200 || !Array.isArray(data))
    throw errorOfBody(answer.status, text, { ...facts, retryAfterMs: answer.retryAfterMs });
  const answeredBy = field(value, "model");
  if (typeof answeredBy === "string" && answeredBy !== "" && !sameModel(answeredBy, model))
    throw new ModelSubstitutedError(answeredBy, facts);
  answered();
  const vectors = new Array<readonly number[] | undefined>(batch.length).fill(undefined);
  for (const entry of data as readonly unknown[]) {
    const [index, vector] = [field(entry, "index"), field(entry, "embedding")];
    if (typeof index === "number" && isVector(vector)) vectors[index] = vector;
  }
  return batch.map((_, index) => {
    const vector = vectors[index];
    if (vector === undefined)
      throw new LmStudioError("INVALID_RESPONSE", `No embedding for text ${index} of ${batch.length}`, facts);
    return vector;
  });
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === "number");
}
