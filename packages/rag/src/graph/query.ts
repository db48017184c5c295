// Asks the graph: finds where to begin, walks breadth first within bounds, and brings the chunks that mention what was found.
import { RagError } from "../errors.ts";
import type { ChunkRecord, EntityRecord, RagStore, RelationRecord, SearchFilter } from "../store/store.ts";

export interface GraphQuery {
  /** Words to find entities by, if `entities` names none. */
  readonly query?: string | undefined;
  /** Names of entities to begin at, case-insensitively. */
  readonly entities?: readonly string[] | undefined;
  /** Only along relations of these types. @defaultValue all */
  readonly relationTypes?: readonly string[] | undefined;
  /** @defaultValue "both" */
  readonly direction?: "out" | "in" | "both" | undefined;
  /** Hops, 0 to 3. @defaultValue 2 */
  readonly depth?: number | undefined;
  /** Entities in the answer, 1 to 200; as many chunks. @defaultValue 20 */
  readonly limit?: number | undefined;
  readonly filter?: SearchFilter | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface GraphNode {
  readonly name: string;
  readonly kind: string;
  readonly observations: readonly string[];
  /** Hops from where it began, 0 for the beginning itself. */
  readonly hops: number;
  /** Halves with each hop, and falls with the place of its beginning: 1 is the best. */
  readonly score: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly type: string;
}

export interface GraphAnswer {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** Chunks that mention the nodes, best first. */
  readonly chunks: readonly {
    readonly chunk: ChunkRecord;
    readonly score: number;
    readonly mentions: readonly string[];
  }[];
  /** Whether a bound cut the walk short. */
  readonly truncated: boolean;
}

const MAX_SEEDS = 8;
const DECAY = 0.5;
const EDGES_PER_NODE = 50;
const MAX_EDGES = 2_000;

export async function queryGraph(store: RagStore, asked: GraphQuery): Promise<GraphAnswer> {
  const {
    query = "",
    entities = [],
    relationTypes,
    direction = "both",
    depth = 2,
    limit = 20,
    filter,
    signal,
  } = asked;
  const check = (condition: boolean, message: string): void => {
    if (!condition) throw new RagError("INVALID_INPUT", message);
  };
  check(query.trim() !== "" || entities.length > 0, "give a query, or entities to begin at");
  check(Number.isInteger(depth) && depth >= 0 && depth <= 3, `depth must be 0, 1, 2 or 3, got ${depth}`);
  check(
    Number.isInteger(limit) && limit >= 1 && limit <= 200,
    `limit must be an integer from 1 to 200, got ${limit}`,
  );

  const found = new Map<number, { readonly hops: number; readonly score: number }>();
  for (const [at, { key }] of (await seedsOf(store, query, entities)).slice(0, limit).entries())
    found.set(key, { hops: 0, score: 1 / (1 + at / MAX_SEEDS) });
  const edges = new Map<string, RelationRecord>();
  let truncated = false;
  let frontier = [...found.keys()];
  for (let hops = 1; hops <= depth && frontier.length > 0 && found.size < limit; hops++) {
    signal?.throwIfAborted();
    const budget = Math.min(MAX_EDGES, EDGES_PER_NODE * frontier.length);
    const relations = await store.relations({
      entities: frontier,
      direction,
      types: relationTypes,
      limit: budget,
    });
    if (relations.length === budget) truncated = true;
    const next: number[] = [];
    // Neighbours of better nodes first, so that the bound cuts off the far and the poor.
    const scoreOf = ({ from, to }: RelationRecord): number =>
      Math.max(found.get(from)?.score ?? 0, found.get(to)?.score ?? 0);
    for (const relation of relations.toSorted((a, b) => scoreOf(b) - scoreOf(a))) {
      for (const [near, far] of [
        [relation.from, relation.to],
        [relation.to, relation.from],
      ] as const) {
        const source = found.get(near);
        if (source === undefined || source.hops !== hops - 1 || found.has(far)) continue;
        if (found.size >= limit) truncated = true;
        else {
          found.set(far, { hops, score: source.score * DECAY });
          next.push(far);
        }
      }
    }
    frontier = next;
  }
  const keys = [...found.keys()];
  const inside = await store.relations({
    entities: keys,
    direction: "both",
    types: relationTypes,
    limit: MAX_EDGES,
  });
  for (const relation of inside)
    if (found.has(relation.from) && found.has(relation.to))
      edges.set(`${relation.from} ${relation.type} ${relation.to}`, relation);
  const records = new Map((await store.entities(keys)).map((entity) => [entity.key, entity]));
  const nameOf = (key: number): string => records.get(key)?.name ?? "";
  return {
    nodes: keys
      .flatMap((key) => {
        const [entity, place] = [records.get(key), found.get(key)];
        if (entity === undefined || place === undefined) return [];
        return [{ name: entity.name, kind: entity.kind, observations: entity.observations, ...place }];
      })
      .toSorted((a, b) => b.score - a.score),
    edges: [...edges.values()].map(({ from, to, type }) => ({ from: nameOf(from), to: nameOf(to), type })),
    chunks: await chunksThatMention(store, found, nameOf, limit, filter),
    truncated,
  };
}

async function seedsOf(
  store: RagStore,
  query: string,
  names: readonly string[],
): Promise<readonly EntityRecord[]> {
  const exact = await store.entitiesByName(names.length > 0 ? names : [query.trim()]);
  if (names.length > 0 && exact.length > 0) return exact;
  // Names that do not exist as they stand are looked for by their words.
  const searched = await store.searchEntities(names.length > 0 ? names.join(" ") : query, MAX_SEEDS);
  const known = new Set(exact.map(({ key }) => key));
  return [...exact, ...searched.filter(({ key }) => !known.has(key))];
}

async function chunksThatMention(
  store: RagStore,
  found: ReadonlyMap<number, { readonly score: number }>,
  nameOf: (key: number) => string,
  limit: number,
  filter: SearchFilter | undefined,
): Promise<GraphAnswer["chunks"]> {
  const mentions = await store.mentions([...found.keys()], 20 * limit, filter);
  const scores = new Map<number, { score: number; names: string[] }>();
  for (const { entity, chunk } of mentions) {
    const entry = scores.get(chunk) ?? { score: 0, names: [] };
    entry.score += found.get(entity)?.score ?? 0;
    entry.names.push(nameOf(entity));
    scores.set(chunk, entry);
  }
  const best = [...scores].toSorted(([, a], [, b]) => b.score - a.score).slice(0, limit);
  const records = new Map((await store.chunks(best.map(([key]) => key))).map((chunk) => [chunk.key, chunk]));
  return best.flatMap(([key, { score, names }]) => {
    const chunk = records.get(key);
    return chunk === undefined ? [] : [{ chunk, score, mentions: names }];
  });
}
