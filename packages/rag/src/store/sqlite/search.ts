// The two searches. Filters stand in front of the limit in both, so they cost time but never hits.

import { isSameSpace, mismatch } from "../embedding-space.ts";
import type { LexicalQuery, ScoredChunk, VectorQuery } from "../store.ts";
import { type Language, termsOf } from "../terms.ts";
import { sqlFilter } from "./filter.ts";
import { activeSpace } from "./spaces.ts";
import type { Statements } from "./statements.ts";
import { bytesOf, signsOf } from "./vector-functions.ts";

/** Above this many vectors their signs are compared first, and only the best of these exactly. */
export const DEFAULT_EXACT_BELOW = 5_000;
const MIN_RESCORED = 400;
const RESCORED_PER_HIT = 10;

export function lexicalSearch(
  sql: Statements,
  { text, limit, filter }: LexicalQuery,
  language: Language,
): readonly ScoredChunk[] {
  const terms = termsOf(text, language);
  if (terms.length === 0) return [];
  const { sql: conditions, parameters } = sqlFilter(filter);
  const joins =
    conditions === ""
      ? ""
      : "CROSS JOIN chunk c ON c.key = f.rowid CROSS JOIN document d ON d.key = c.document";
  return sql.all(
    `SELECT f.rowid AS key, -f.rank AS score FROM chunk_fts f ${joins}
     WHERE chunk_fts MATCH ?${conditions} ORDER BY f.rank LIMIT ?`,
    ...[matchExpression(terms), ...parameters, limit],
  ) as unknown as readonly ScoredChunk[];
}

/** Each term quoted, so that nothing in it is taken for FTS5's syntax. */
export function matchExpression(terms: readonly string[]): string {
  return terms.map((term) => `"${term}"`).join(" OR ");
}

export function vectorSearch(
  sql: Statements,
  { vector, space: wanted, limit, filter, exact = false }: VectorQuery,
  exactBelow: number,
): readonly ScoredChunk[] {
  const space = activeSpace(sql);
  if (space === undefined) return [];
  if (wanted !== undefined && !isSameSpace(space, wanted)) throw mismatch(space, wanted);
  if (vector.length !== space.dimension) return [];
  const { sql: conditions, parameters } = sqlFilter(filter);
  const joins =
    conditions === "" ? "" : "JOIN chunk c ON c.key = v.chunk JOIN document d ON d.key = c.document WHERE 1";
  const count = Number(sql.get(`SELECT count(*) n FROM bits_${space.key}`)?.["n"]);
  if (exact || count < exactBelow)
    return sql.all(
      `SELECT v.chunk AS key, 1 - vec_distance_cosine(v.vector, ?) AS score FROM vector_${space.key} v
       ${joins}${conditions} ORDER BY score DESC, key LIMIT ?`,
      ...[bytesOf(vector), ...parameters, limit],
    ) as unknown as readonly ScoredChunk[];
  return sql.all(
    `SELECT chunk AS key, 1 - vec_distance_cosine(vector, ?) AS score FROM vector_${space.key} WHERE chunk IN (
       SELECT v.chunk FROM bits_${space.key} v ${joins}${conditions}
       ORDER BY vec_distance_hamming(vec_bit(v.bits), vec_bit(?)) LIMIT ?)
     ORDER BY score DESC, key LIMIT ?`,
    ...[
      bytesOf(vector),
      ...parameters,
      signsOf(vector),
      Math.max(MIN_RESCORED, RESCORED_PER_HIT * limit),
      limit,
    ],
  ) as unknown as readonly ScoredChunk[];
}
