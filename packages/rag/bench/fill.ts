// A store of generated chunks. One that has them already is left as it is.
import pg from "pg";
import type { EmbeddingSpace, RagStore, StoredDocument } from "../src/store/store.ts";
import type { Corpus } from "./corpus.ts";

export const space: EmbeddingSpace = {
  model: "generated",
  dimension: 768,
  documentPrefix: "",
  queryPrefix: "",
};
const BATCH = 500;
const PER_DOCUMENT = 20;

/** Returns how long writing took, in milliseconds, or undefined if nothing was to be written. */
export async function fill(
  store: RagStore,
  location: string,
  corpus: Corpus,
  chunks: number,
): Promise<number | undefined> {
  const isFilled = (await store.counts()).chunks >= chunks;
  let spentMs = 0;
  for (let at = 0; at < chunks; at += BATCH) {
    // Generated anyway, so that what is asked afterwards is the same.
    const documents = documentsFrom(corpus, at / PER_DOCUMENT);
    if (isFilled) continue;
    const started = performance.now();
    await store.put(documents, space);
    // A bulk load is quicker without the graph index, which is built at the end; on Postgres that is one statement.
    if (at === 0) await onPostgres(location, "DROP INDEX fairlead_rag.vector_1_hnsw");
    spentMs += performance.now() - started;
  }
  await onPostgres(
    location,
    "CREATE INDEX IF NOT EXISTS vector_1_hnsw ON fairlead_rag.vector_1 USING hnsw (vector vector_cosine_ops) WITH (m = 16, ef_construction = 64)",
  );
  if (isFilled) return undefined;
  await store.optimize();
  return spentMs;
}

function documentsFrom(corpus: Corpus, first: number): readonly StoredDocument[] {
  return Array.from({ length: BATCH / PER_DOCUMENT }, (_, place): StoredDocument => {
    const number = first + place;
    const parts = Array.from({ length: PER_DOCUMENT }, () => corpus.text());
    return {
      ...{ collection: "bench", uri: `${number}`, title: "", mimeType: "text/plain" },
      ...{ hash: `${number}`, fingerprint: "", metadata: { tenth: number % 10 } },
      chunks: parts.map((text, part) => ({
        ...{ heading: "", text, hash: `${number}#${part}`, start: 0, end: text.length },
      })),
      vectors: parts.map(() => corpus.vector()),
    };
  });
}

async function onPostgres(location: string, statement: string): Promise<void> {
  if (!location.startsWith("postgres")) return;
  const client = new pg.Client({ connectionString: location });
  await client.connect();
  await client.query(statement);
  await client.end();
}
