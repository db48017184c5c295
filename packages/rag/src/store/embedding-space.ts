// When two ways of embedding are one, and what is said when they are not.
import { RagError } from "../errors.ts";
import type { EmbeddingSpace } from "./store.ts";

export function isSameSpace(a: EmbeddingSpace, b: EmbeddingSpace): boolean {
  return (
    a.model === b.model &&
    a.dimension === b.dimension &&
    a.documentPrefix === b.documentPrefix &&
    a.queryPrefix === b.queryPrefix
  );
}

export function mismatch(stored: EmbeddingSpace, given: EmbeddingSpace): RagError {
  const show = ({ model, dimension, documentPrefix, queryPrefix }: EmbeddingSpace): string =>
    `${model} (${dimension} dimensions, prefixes "${documentPrefix}" and "${queryPrefix}")`;
  return new RagError(
    "EMBEDDING_MISMATCH",
    `The store holds vectors of ${show(stored)}, not of ${show(given)}. Vectors of two models cannot be compared: embed with the old model, or run "fairlead rag reembed" to change to the new one.`,
    {
      stored: stored.model,
      given: given.model,
      storedDimension: stored.dimension,
      givenDimension: given.dimension,
    },
  );
}
