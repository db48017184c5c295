// The graph in Postgres. Entities that only documents speak of go when the last of these documents goes.
import type {
  DocumentGraph,
  EntityKey,
  EntityRecord,
  RelationQuery,
  RelationRecord,
  SearchFilter,
  StoredEntity,
  StoredRelation,
} from "../store.ts";
import { wordsOf } from "../terms.ts";
import type { Query, Row } from "./connection.ts";
import { sqlFilter } from "./filter.ts";
import { anyOf } from "./lexical.ts";
import type { TextConfig } from "./schema.ts";

export async function addDocumentGraph(
  query: Query,
  document: number,
  chunks: readonly number[],
  { entities, relations, mentions }: DocumentGraph,
  config: TextConfig,
): Promise<void> {
  const named = [
    ...entities,
    ...mentions.map(({ entity }) => ({ ...entity, observations: [] })),
    ...endsOf(relations),
  ];
  const keys = await ensureEntities(query, named, false, config);
  await addRelations(query, relations, document, keys);
  const pairs = mentions.flatMap(({ chunk, entity }) => {
    const [entityKey, chunkKey] = [keys.get(idOf(entity)), chunks[chunk]];
    return entityKey === undefined || chunkKey === undefined ? [] : [{ entityKey, chunkKey }];
  });
  await query(
    "INSERT INTO fairlead_rag.mention SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING",
    [pairs.map(({ entityKey }) => entityKey), pairs.map(({ chunkKey }) => chunkKey)],
  );
}

export async function upsertGraph(
  query: Query,
  entities: readonly StoredEntity[],
  relations: readonly StoredRelation[],
  config: TextConfig,
): Promise<{ entities: number; relations: number }> {
  const keys = await ensureEntities(query, [...entities, ...endsOf(relations)], true, config);
  return { entities: entities.length, relations: await addRelations(query, relations, null, keys) };
}

export async function entitiesOfDocument(query: Query, document: number): Promise<readonly number[]> {
  const rows = await query(
    `SELECT m.entity AS key FROM fairlead_rag.chunk c JOIN fairlead_rag.mention m ON m.chunk = c.key WHERE c.document = $1
     UNION SELECT source FROM fairlead_rag.relation WHERE document = $1
     UNION SELECT target FROM fairlead_rag.relation WHERE document = $1`,
    [document],
  );
  return rows.map((row) => Number(row["key"]));
}

export async function removeOrphans(query: Query, candidates: readonly number[]): Promise<void> {
  if (candidates.length === 0) return;
  await query(
    `DELETE FROM fairlead_rag.entity e WHERE e.key = ANY($1::bigint[]) AND NOT own
       AND NOT EXISTS (SELECT 1 FROM fairlead_rag.mention m WHERE m.entity = e.key)
       AND NOT EXISTS (SELECT 1 FROM fairlead_rag.relation r WHERE r.source = e.key OR r.target = e.key)`,
    [candidates.toSorted((a, b) => a - b)],
  );
}

export async function entitiesByName(
  query: Query,
  names: readonly string[],
): Promise<readonly EntityRecord[]> {
  const rows = await query("SELECT * FROM fairlead_rag.entity WHERE folded = ANY($1::text[]) ORDER BY key", [
    names.map(fold),
  ]);
  return rows.map(entityOf);
}

export async function searchEntities(
  query: Query,
  text: string,
  limit: number,
  config: TextConfig,
): Promise<readonly EntityRecord[]> {
  const terms = await query("SELECT lexeme FROM unnest(to_tsvector($1::regconfig, $2))", [
    config.language,
    wordsOf(text),
  ]);
  if (terms.length === 0) return [];
  const rows = await query(
    `SELECT * FROM fairlead_rag.entity WHERE terms @@ $1::tsquery
     ORDER BY ts_rank(terms, $1::tsquery, 1) DESC, key LIMIT $2`,
    [anyOf(terms.map((row) => ({ lexeme: String(row["lexeme"]) }))), limit],
  );
  return rows.map(entityOf);
}

export async function entitiesByKey(query: Query, keys: readonly number[]): Promise<readonly EntityRecord[]> {
  return (await query("SELECT * FROM fairlead_rag.entity WHERE key = ANY($1::bigint[])", [keys])).map(
    entityOf,
  );
}

export async function relationsOf(
  query: Query,
  { entities, direction, types, limit }: RelationQuery,
): Promise<readonly RelationRecord[]> {
  const sides = direction === "out" ? ["source"] : direction === "in" ? ["target"] : ["source", "target"];
  const ofType = types === undefined ? "" : " AND type = ANY($3::text[])";
  const parts = sides.map(
    (side) =>
      `SELECT source, target, type FROM fairlead_rag.relation WHERE ${side} = ANY($1::bigint[])${ofType}`,
  );
  const rows = await query(`${parts.join(" UNION ")} ORDER BY source, target, type LIMIT $2`, [
    entities,
    limit,
    ...(types === undefined ? [] : [types]),
  ]);
  return rows.map((row) => ({
    from: Number(row["source"]),
    to: Number(row["target"]),
    type: String(row["type"]),
  }));
}

export async function mentionsOf(
  query: Query,
  entities: readonly number[],
  limit: number,
  filter: SearchFilter | undefined,
): Promise<readonly { entity: number; chunk: number }[]> {
  const { sql, values } = sqlFilter(filter, 3);
  const rows = await query(
    `SELECT m.entity, m.chunk FROM fairlead_rag.mention m JOIN fairlead_rag.chunk c ON c.key = m.chunk
     JOIN fairlead_rag.document d ON d.key = c.document
     WHERE m.entity = ANY($1::bigint[])${sql} ORDER BY m.entity, m.chunk LIMIT $2`,
    [entities, limit, ...values],
  );
  return rows.map((row) => ({ entity: Number(row["entity"]), chunk: Number(row["chunk"]) }));
}

export async function ownGraph(
  query: Query,
): Promise<{ entities: readonly StoredEntity[]; relations: readonly StoredRelation[] }> {
  const rows = await query("SELECT * FROM fairlead_rag.entity WHERE own ORDER BY key");
  return { entities: rows.map(withoutKey), relations: await relationRows(query, "r.document IS NULL", []) };
}

export async function graphOf(query: Query, id: string): Promise<DocumentGraph> {
  const rows = await query(
    `SELECT c.ordinal, e.* FROM fairlead_rag.document d JOIN fairlead_rag.chunk c ON c.document = d.key
     JOIN fairlead_rag.mention m ON m.chunk = c.key JOIN fairlead_rag.entity e ON e.key = m.entity
     WHERE d.id = $1 ORDER BY c.ordinal, e.key`,
    [id],
  );
  const entities = new Map(rows.map((row) => [idOf(keyOf(row)), withoutKey(row)]));
  return {
    entities: [...entities.values()],
    relations: await relationRows(
      query,
      "r.document = (SELECT key FROM fairlead_rag.document WHERE id = $1)",
      [id],
    ),
    mentions: rows.map((row) => ({ chunk: Number(row["ordinal"]), entity: keyOf(row) })),
  };
}

async function relationRows(
  query: Query,
  condition: string,
  values: readonly unknown[],
): Promise<readonly StoredRelation[]> {
  const rows = await query(
    `SELECT s.name AS sn, s.kind AS sk, t.name AS tn, t.kind AS tk, r.type FROM fairlead_rag.relation r
     JOIN fairlead_rag.entity s ON s.key = r.source JOIN fairlead_rag.entity t ON t.key = r.target
     WHERE ${condition} ORDER BY r.key`,
    values,
  );
  return rows.map((row) => ({
    from: { name: String(row["sn"]), kind: String(row["sk"]) },
    to: { name: String(row["tn"]), kind: String(row["tk"]) },
    type: String(row["type"]),
  }));
}

/** Adds what is missing and unites observations; returns the keys by `idOf`. */
async function ensureEntities(
  query: Query,
  entities: readonly StoredEntity[],
  own: boolean,
  config: TextConfig,
): Promise<ReadonlyMap<string, number>> {
  const wanted = new Map<string, StoredEntity>();
  for (const entity of entities) {
    const before = wanted.get(idOf(entity))?.observations ?? [];
    wanted.set(idOf(entity), { ...entity, observations: [...new Set([...before, ...entity.observations])] });
  }
  if (wanted.size === 0) return new Map();
  // In one order everywhere: see putDocuments.
  const sorted = [...wanted.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entity]) => entity);
  const names = sorted.map(({ name }) => name);
  const kinds = sorted.map(({ kind }) => kind);
  await query(
    `INSERT INTO fairlead_rag.entity (name, folded, kind, observations, own, terms)
     SELECT e.name, e.folded, e.kind, e.observations::jsonb, $5, to_tsvector($6::regconfig, e.words)
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $7::text[]) AS e (name, folded, kind, observations, words)
     ON CONFLICT (name, kind) DO NOTHING`,
    [
      names,
      names.map(fold),
      kinds,
      sorted.map(({ observations }) => JSON.stringify(observations)),
      own,
      config.language,
      sorted.map(searchable),
    ],
  );
  const rows = await query(
    `SELECT e.* FROM fairlead_rag.entity e JOIN unnest($1::text[], $2::text[]) AS w (name, kind)
     ON w.name = e.name AND w.kind = e.kind ORDER BY e.key FOR SHARE OF e`,
    [names, kinds],
  );
  for (const row of rows) {
    const known = row["observations"] as readonly string[];
    const united = [...new Set([...known, ...(wanted.get(idOf(keyOf(row)))?.observations ?? [])])];
    if (united.length > known.length || (own && row["own"] !== true))
      await query(
        `UPDATE fairlead_rag.entity SET observations = $2::jsonb, own = own OR $3,
           terms = to_tsvector($4::regconfig, $5) WHERE key = $1`,
        [
          row["key"],
          JSON.stringify(united),
          own,
          config.language,
          searchable({ ...keyOf(row), observations: united }),
        ],
      );
  }
  return new Map(rows.map((row) => [idOf(keyOf(row)), Number(row["key"])]));
}

async function addRelations(
  query: Query,
  relations: readonly StoredRelation[],
  document: number | null,
  keys: ReadonlyMap<string, number>,
): Promise<number> {
  const rows = relations.flatMap(({ from, to, type }) => {
    const [source, target] = [keys.get(idOf(from)), keys.get(idOf(to))];
    return source === undefined || target === undefined ? [] : [{ source, target, type }];
  });
  const added = await query(
    `INSERT INTO fairlead_rag.relation (source, target, type, document)
     SELECT source, target, type, $4 FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS r (source, target, type)
     ON CONFLICT DO NOTHING RETURNING key`,
    [
      rows.map(({ source }) => source),
      rows.map(({ target }) => target),
      rows.map(({ type }) => type),
      document,
    ],
  );
  return added.length;
}

function searchable({ name, observations }: StoredEntity): string {
  return wordsOf([name, ...observations].join("\n"));
}

function endsOf(relations: readonly StoredRelation[]): readonly StoredEntity[] {
  return relations.flatMap(({ from, to }) => [from, to]).map((key) => ({ ...key, observations: [] }));
}

function idOf({ name, kind }: EntityKey): string {
  return `${kind}\n${name}`;
}

function keyOf(row: Row): EntityKey {
  return { name: String(row["name"]), kind: String(row["kind"]) };
}

function entityOf(row: Row): EntityRecord {
  return { key: Number(row["key"]), ...withoutKey(row) };
}

function withoutKey(row: Row): StoredEntity {
  return { ...keyOf(row), observations: row["observations"] as readonly string[] };
}

function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
