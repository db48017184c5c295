// BM25 by an index, or in plain SQL, since ts_rank is no substitute for it: on three public collections it lost a quarter to
// two thirds of the quality. In SQL, matching chunks are scored with the same formula and constants as FTS5 uses.
import type { LexicalQuery, ScoredChunk } from "../store.ts";
import { wordsOf } from "../terms.ts";
import type { Query } from "./connection.ts";
import { sqlFilter } from "./filter.ts";
import { B, K1, type TextConfig } from "./schema.ts";

const MAX_TERMS = 64;
/** Words of the chunks that one search may look at; then chunks must have one of its rarer terms. */
const MAX_WORDS = 600_000;
/** A term that occurs more often in a chunk counts as if it occurred as often as this. */
const MAX_OCCURRENCES = 100;

interface Term {
  readonly lexeme: string;
  readonly weight: number;
  readonly chunks: number;
}

/** By the index where there is one; a filter needs to see every match, which the index does not show. */
export async function lexicalSearch(
  query: Query,
  asked: LexicalQuery,
  config: TextConfig,
): Promise<readonly ScoredChunk[]> {
  const isFiltered = sqlFilter(asked.filter, 1).sql !== "";
  return config.bm25 === "sql" || isFiltered
    ? rankInSql(query, asked, config)
    : rankByIndex(query, asked, config);
}

async function rankByIndex(
  query: Query,
  { text, limit, scored = true }: LexicalQuery,
  { language }: TextConfig,
): Promise<readonly ScoredChunk[]> {
  // The index finds 50 chunks in 2 ms, but telling the score of each takes another 0.2 ms. In small tables the planner goes
  // without the index, and then what matches nothing comes as well.
  const rows = await query(
    `SELECT key, ${scored ? "-(words <@> to_bm25query($1, 'fairlead_rag.chunk_bm25'))" : "NULL"} AS score FROM (
       SELECT key, words, terms FROM fairlead_rag.chunk
       ORDER BY words <@> to_bm25query($1, 'fairlead_rag.chunk_bm25') LIMIT $2) ranked
     WHERE terms @@ (SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery FROM unnest(to_tsvector($3::regconfig, $1)))`,
    [wordsOf(text), limit, language],
  );
  return rows.map((row, at) => ({
    key: Number(row["key"]),
    score: scored ? Number(row["score"]) : 1 / (at + 1),
  }));
}

async function rankInSql(
  query: Query,
  { text, limit, filter }: LexicalQuery,
  config: TextConfig,
): Promise<readonly ScoredChunk[]> {
  const { terms, corpus, length } = await termsOf(query, text, config);
  const known = terms.filter(({ chunks }) => chunks > 0);
  const rare = rarestFirst(known, corpus, length, limit);
  if (rare.length === 0) return [];
  const common = known.slice(rare.length);
  const idf = ({ chunks, weight }: Term): number =>
    weight * Math.max(1e-6, Math.log((corpus - chunks + 0.5) / (chunks + 0.5)));
  const { sql, values } = sqlFilter(filter, 8);
  const joined = sql === "" ? "" : `JOIN fairlead_rag.document d ON d.key = c.document WHERE true${sql}`;
  // A chunk comes once for each of its rarer terms, with the score of that term and, each time, of all common ones.
  const rows = await query(
    `SELECT key, sum(rare) + coalesce(max(common), 0) AS score FROM (
       SELECT c.key, ${SCORE} AS rare,
         (SELECT sum(${SCORE}) FROM unnest($3::tsquery[], $4::float8[]) AS q (term, idf)) AS common
       FROM unnest($1::tsquery[], $2::float8[]) AS q (term, idf) JOIN fairlead_rag.chunk c ON c.terms @@ q.term ${joined}
     ) scored GROUP BY key ORDER BY score DESC, key LIMIT $7`,
    [
      ...[rare.map(quoted), rare.map(idf), common.map(quoted), common.map(idf)],
      ...[OCCURRENCES, length / Math.max(1, corpus), limit, ...values],
    ],
  );
  return rows.map((row) => ({ key: Number(row["key"]), score: Number(row["score"]) }));
}

/**
 * Unpacking a tsvector to count one term takes forty times as long as ts_rank, which for one term and weights of 1 is
 * (1 + 1/4 + 1/9 + … + 1/n²) / (π²/6), n being how often it occurs: so n is the number of these bounds below it.
 */
const OCCURRENCES: readonly number[] = occurrenceBounds();

function occurrenceBounds(): readonly number[] {
  const bounds: number[] = [];
  let sum = 0;
  for (let n = 1; n <= MAX_OCCURRENCES; n++) {
    // Halfway between what n - 1 and n give, since ts_rank computes in single precision.
    bounds.push((sum + 0.5 / n ** 2) / (Math.PI ** 2 / 6));
    sum += 1 / n ** 2;
  }
  return bounds;
}

/** Of the term `q` in the chunk `c`; null where it does not occur. $5 are the bounds, $6 is the average length. */
const SCORE = `q.idf * ${K1 + 1} / (1 + ${K1} * (${1 - B} + ${B} * c.length / $6::float8)
  / nullif(width_bucket(ts_rank('{1,1,1,1}', c.terms, q.term), $5::float8[]), 0))`;

/** Lexemes joined by OR. */
export function anyOf(terms: readonly { readonly lexeme: string }[]): string {
  return terms.map(quoted).join(" | ");
}

/** Quoted so that nothing in it is taken for syntax. */
function quoted({ lexeme }: { readonly lexeme: string }): string {
  return `'${lexeme.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** The query's lexemes (stop words are none, repeated ones weigh more), and the corpus that they are counted in. */
async function termsOf(
  query: Query,
  text: string,
  config: TextConfig,
): Promise<{ readonly terms: readonly Term[]; readonly corpus: number; readonly length: number }> {
  const rows = await query(
    `SELECT q.lexeme, q.weight, coalesce(sum(n.chunks), 0) AS chunks, coalesce(sum(n.length), 0) AS length
     FROM (SELECT lexeme, cardinality(positions) AS weight FROM unnest(to_tsvector($1::regconfig, $2))
           UNION ALL SELECT '', 0) q
     LEFT JOIN fairlead_rag.term_count n ON n.term = q.lexeme COLLATE "C" GROUP BY q.lexeme, q.weight`,
    [config.language, wordsOf(text)],
  );
  const all = rows.map((row) => ({
    lexeme: String(row["lexeme"]),
    weight: Number(row["weight"]),
    chunks: Number(row["chunks"]),
    length: Number(row["length"]),
  }));
  const corpus = all.find(({ lexeme }) => lexeme === "");
  const terms = all.filter(({ lexeme }) => lexeme !== "").toSorted((a, b) => a.chunks - b.chunks);
  return { terms: terms.slice(0, MAX_TERMS), corpus: corpus?.chunks ?? 0, length: corpus?.length ?? 0 };
}

/** Terms that a chunk must have one of: all, or in a large corpus as many of the rarest as can be looked at in time. */
function rarestFirst(known: readonly Term[], corpus: number, length: number, limit: number): readonly Term[] {
  const budget = Math.max(4 * limit, (MAX_WORDS * Math.max(1, corpus)) / Math.max(1, length));
  let chunks = 0;
  const chosen: Term[] = [];
  for (const term of known) {
    chunks += term.chunks;
    if (chosen.length > 0 && chunks > budget) break;
    chosen.push(term);
  }
  return chosen;
}
