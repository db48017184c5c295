// A filter as SQL over the document `d`, to stand in front of every LIMIT.
import type { SearchFilter } from "../store.ts";

export interface SqlFilter {
  /** Begins with " AND", or is empty. */
  readonly sql: string;
  readonly parameters: readonly string[];
}

export function sqlFilter({ collection, uriPrefix, documentIds, metadata }: SearchFilter = {}): SqlFilter {
  const conditions: string[] = [];
  const parameters: string[] = [];
  const add = (condition: string, ...values: readonly string[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };
  if (collection !== undefined) add("d.collection = ?", collection);
  if (uriPrefix !== undefined) add("substr(d.uri, 1, length(?)) = ?", uriPrefix, uriPrefix);
  if (documentIds !== undefined) add("d.id IN (SELECT value FROM json_each(?))", JSON.stringify(documentIds));
  for (const [key, value] of Object.entries(metadata ?? {}))
    add("d.metadata -> ? = ?", `$.${JSON.stringify(key)}`, JSON.stringify(value));
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(""), parameters };
}
