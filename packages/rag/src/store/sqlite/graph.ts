// The graph in SQLite. Entities that only documents speak of go when the last of these documents goes.
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
import type { Language } from "../terms.ts";
import { termsOf } from "../terms.ts";
import { sqlFilter } from "./filter.ts";
import { matchExpression } from "./search.ts";
import type { Row, Statements } from "./statements.ts";

export function addDocumentGraph(
  sql: Statements,
  document: number,
  chunks: readonly number[],
  { entities, relations, mentions }: DocumentGraph,
): void {
  for (const entity of entities) ensureEntity(sql, entity, false);
  for (const relation of relations) addRelation(sql, relation, document);
  for (const { chunk, entity } of mentions) {
    const chunkKey = chunks[chunk];
    if (chunkKey === undefined) continue;
    sql.run("INSERT OR IGNORE INTO mention VALUES (?, ?)", ensureEntity(sql, entity, false), chunkKey);
  }
}

/** Removes entities that documents brought along and nothing refers to any more. */
export function removeOrphans(sql: Statements): void {
  sql.run(
    `DELETE FROM entity WHERE touched = 1 AND own = 0
       AND NOT EXISTS (SELECT 1 FROM mention WHERE entity = entity.key)
       AND NOT EXISTS (SELECT 1 FROM relation WHERE source = entity.key OR target = entity.key)`,
  );
  sql.run("UPDATE entity SET touched = 0 WHERE touched = 1");
}

export function upsertGraph(
  sql: Statements,
  entities: readonly StoredEntity[],
  relations: readonly StoredRelation[],
): { entities: number; relations: number } {
  return sql.transaction(() => {
    for (const entity of entities) ensureEntity(sql, entity, true);
    let added = 0;
    for (const relation of relations) added += addRelation(sql, relation, null);
    return { entities: entities.length, relations: added };
  });
}

export function entitiesByName(sql: Statements, names: readonly string[]): readonly EntityRecord[] {
  const folded = JSON.stringify(names.map(fold));
  return sql
    .all("SELECT * FROM entity WHERE folded IN (SELECT value FROM json_each(?)) ORDER BY key", folded)
    .map(entityOf);
}

export function searchEntities(
  sql: Statements,
  text: string,
  limit: number,
  language: Language,
): readonly EntityRecord[] {
  const terms = termsOf(text, language);
  if (terms.length === 0) return [];
  return sql
    .all(
      `SELECT e.* FROM entity_fts f CROSS JOIN entity e ON e.key = f.rowid WHERE entity_fts MATCH ? ORDER BY f.rank LIMIT ?`,
      matchExpression(terms),
      limit,
    )
    .map(entityOf);
}

export function entitiesByKey(sql: Statements, keys: readonly number[]): readonly EntityRecord[] {
  return sql
    .all("SELECT * FROM entity WHERE key IN (SELECT value FROM json_each(?))", JSON.stringify(keys))
    .map(entityOf);
}

export function relationsOf(
  sql: Statements,
  { entities, direction, types, limit }: RelationQuery,
): readonly RelationRecord[] {
  const keys = JSON.stringify(entities);
  const ofType = types === undefined ? "" : " AND type IN (SELECT value FROM json_each(?))";
  const side = (column: "source" | "target"): string =>
    `SELECT source, target, type FROM relation WHERE ${column} IN (SELECT value FROM json_each(?))${ofType}`;
  const sides = direction === "out" ? ["source"] : direction === "in" ? ["target"] : ["source", "target"];
  const parameters = sides.flatMap(() => (types === undefined ? [keys] : [keys, JSON.stringify(types)]));
  const query = sides.map((column) => side(column as "source" | "target")).join(" UNION ");
  // Without an order a cut at the limit would depend on the plan.
  return sql
    .all(
      `SELECT DISTINCT source, target, type FROM (${query}) ORDER BY source, target, type LIMIT ?`,
      ...parameters,
      limit,
    )
    .map((row) => ({ from: Number(row["source"]), to: Number(row["target"]), type: String(row["type"]) }));
}

export function mentionsOf(
  sql: Statements,
  entities: readonly number[],
  limit: number,
  filter: SearchFilter | undefined,
): readonly { entity: number; chunk: number }[] {
  const { sql: conditions, parameters } = sqlFilter(filter);
  return sql.all(
    `SELECT m.entity, m.chunk FROM mention m JOIN chunk c ON c.key = m.chunk JOIN document d ON d.key = c.document
     WHERE m.entity IN (SELECT value FROM json_each(?))${conditions} ORDER BY m.entity, m.chunk LIMIT ?`,
    ...[JSON.stringify(entities), ...parameters, limit],
  ) as unknown as readonly { entity: number; chunk: number }[];
}

export function ownGraph(sql: Statements): {
  entities: readonly StoredEntity[];
  relations: readonly StoredRelation[];
} {
  const entities = sql.all("SELECT * FROM entity WHERE own = 1 ORDER BY key").map(withoutKey);
  return { entities, relations: relationRows(sql, "r.document IS NULL") };
}

export function graphOf(sql: Statements, id: string): DocumentGraph {
  const document = Number(sql.get("SELECT key FROM document WHERE id = ?", id)?.["key"] ?? 0);
  const mentions = sql
    .all(
      `SELECT c.ordinal, e.* FROM chunk c JOIN mention m ON m.chunk = c.key JOIN entity e ON e.key = m.entity
       WHERE c.document = ? ORDER BY c.ordinal, e.key`,
      document,
    )
    .map((row) => ({ chunk: Number(row["ordinal"]), entity: withoutKey(row) }));
  const relations = relationRows(sql, "r.document = ?", document);
  const entities = new Map<string, StoredEntity>();
  for (const { entity } of mentions) entities.set(`${entity.kind}\n${entity.name}`, entity);
  return {
    entities: [...entities.values()],
    relations,
    mentions: mentions.map(({ chunk, entity: { name, kind } }) => ({ chunk, entity: { name, kind } })),
  };
}

function relationRows(
  sql: Statements,
  condition: string,
  ...parameters: readonly number[]
): readonly StoredRelation[] {
  return sql
    .all(
      `SELECT s.name sn, s.kind sk, t.name tn, t.kind tk, r.type FROM relation r
       JOIN entity s ON s.key = r.source JOIN entity t ON t.key = r.target WHERE ${condition} ORDER BY r.key`,
      ...parameters,
    )
    .map((row) => ({
      from: { name: String(row["sn"]), kind: String(row["sk"]) },
      to: { name: String(row["tn"]), kind: String(row["tk"]) },
      type: String(row["type"]),
    }));
}

function ensureEntity(
  sql: Statements,
  entity: EntityKey & { observations?: readonly string[] },
  own: boolean,
): number {
  const { name, kind, observations = [] } = entity;
  const found = sql.get("SELECT * FROM entity WHERE name = ? AND kind = ?", name, kind);
  if (found === undefined) {
    const row = sql.get(
      "INSERT INTO entity (name, folded, kind, observations, own) VALUES (?, ?, ?, ?, ?) RETURNING key",
      ...[name, fold(name), kind, JSON.stringify(observations), own ? 1 : 0],
    );
    return Number(row?.["key"]);
  }
  const key = Number(found["key"]);
  const known = JSON.parse(String(found["observations"])) as string[];
  const united = [...new Set([...known, ...observations])];
  if (united.length > known.length)
    sql.run("UPDATE entity SET observations = ? WHERE key = ?", JSON.stringify(united), key);
  if (own && found["own"] === 0) sql.run("UPDATE entity SET own = 1 WHERE key = ?", key);
  return key;
}

function addRelation(sql: Statements, { from, to, type }: StoredRelation, document: number | null): number {
  return sql.run(
    "INSERT OR IGNORE INTO relation (source, target, type, document) VALUES (?, ?, ?, ?)",
    ...[ensureEntity(sql, from, document === null), ensureEntity(sql, to, document === null), type, document],
  );
}

function entityOf(row: Row): EntityRecord {
  return { key: Number(row["key"]), ...withoutKey(row) };
}

function withoutKey(row: Row): StoredEntity {
  return {
    name: String(row["name"]),
    kind: String(row["kind"]),
    observations: JSON.parse(String(row["observations"])) as string[],
  };
}

function fold(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
