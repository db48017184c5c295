// How long searches take: `node --conditions=@fairlead/source bench/latency.ts [--chunks 10000] [--queries 100]
// [--store <file>|postgres://…] [--seed 2026]`. Prints one line of JSON. A store that has the chunks already is only searched.
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { Embedder } from "../src/embed/embedder.ts";
import { createLibrary } from "../src/library/library.ts";
import { openStore } from "../src/store/open-store.ts";
import type { ScoredChunk } from "../src/store/store.ts";
import { createCorpus } from "./corpus.ts";
import { fill, space } from "./fill.ts";

const { values } = parseArgs({
  options: {
    chunks: { type: "string", default: "10000" },
    queries: { type: "string", default: "100" },
    store: { type: "string" },
    seed: { type: "string", default: "2026" },
  },
});
const [chunks, queries, seed] = [Number(values.chunks), Number(values.queries), Number(values.seed)];
const corpus = createCorpus(768, seed);
const folder = await mkdtemp(join(tmpdir(), "fairlead-rag-bench-"));
const location = values.store ?? join(folder, "bench.sqlite");
const store = await openStore(location);
const ingestMs = await fill(store, location, corpus, chunks);

const asked = Array.from({ length: queries }, () => ({ text: corpus.query(), vector: corpus.vector() }));
const vectors = new Map(asked.map(({ text, vector }) => [text, vector]));
const embedder: Embedder = {
  space: () => Promise.resolve(space),
  documents: () => Promise.reject(new Error("everything is embedded")),
  query: (text) => Promise.resolve(vectors.get(text) as Float32Array),
  close: () => Promise.resolve(),
};
const library = createLibrary({ store, embedder });
const measure = async <T>(run: (query: (typeof asked)[number]) => Promise<T>) => {
  for (const query of asked.slice(0, 5)) await run(query);
  const times: number[] = [];
  const results: T[] = [];
  for (const query of asked) {
    const started = performance.now();
    results.push(await run(query));
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => Number((times[Math.floor(times.length * share)] ?? 0).toFixed(1));
  return { p50: at(0.5), p99: at(0.99), results };
};

const filter = { metadata: { tenth: 3 } };
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
const hybrid = await measure(({ text }) => library.search({ query: text, limit: 10 }));
loop.disable();
const lexical = await measure(({ text }) => library.search({ query: text, limit: 10, mode: "lexical" }));
const near = await measure(({ vector }) => store.nearest({ vector, limit: 10 }));
const filtered = await measure(({ vector }) => store.nearest({ vector, limit: 10, filter }));
const exact = await measure(({ vector }) => store.nearest({ vector, limit: 10, exact: true }));
const overlap = (found: readonly (readonly ScoredChunk[])[]): number =>
  found.reduce((sum, hits, at) => {
    const truth = new Set(exact.results[at]?.map(({ key }) => key));
    return sum + hits.filter(({ key }) => truth.has(key)).length / 10;
  }, 0) / found.length;
const { kind, engine } = await store.describe();
const figures = ({ p50, p99 }: { p50: number; p99: number }) => ({ p50, p99 });
console.log(
  JSON.stringify({
    ...{
      store: kind,
      engine,
      chunks,
      queries,
      seed,
      node: process.version,
      cpus: cpus().length,
      load: loadavg()[0]?.toFixed(1),
    },
    chunksPerSecond: ingestMs === undefined ? null : Math.round(chunks / (ingestMs / 1_000)),
    ms: {
      hybrid: figures(hybrid),
      lexical: figures(lexical),
      vector: figures(near),
      filtered: figures(filtered),
      exact: figures(exact),
    },
    recallAt10: Number(overlap(near.results).toFixed(4)),
    shortFilteredAnswers: filtered.results.filter(({ length }) => length < 10).length,
    eventLoopMaxMs: Number((loop.max / 1e6).toFixed(1)),
    eventLoopP99Ms: Number((loop.percentile(99) / 1e6).toFixed(1)),
  }),
);
await library.close();
await rm(folder, { recursive: true, force: true });
