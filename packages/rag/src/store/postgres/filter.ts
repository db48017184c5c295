// A filter as SQL over the document `d`, to stand in front of every LIMIT.
import type { SearchFilter } from "../store.ts";

export interface SqlFilter {
  /** Begins with " AND", or is empty. */
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** `first` is the number of the first parameter. */
export function sqlFilter(
  { collection, uriPrefix, documentIds, metadata }: SearchFilter = {},
  first: number,
): SqlFilter {
  const values: unknown[] = [];
  const conditions: string[] = [];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    conditions.push(condition(`$${first + values.length}`));
    values.push(value);
  };
  if (collection !== undefined) add((parameter) => `d.collection = ${parameter}`, collection);
  if (uriPrefix !== undefined) add((parameter) => `starts_with(d.uri, ${parameter}::text)`, uriPrefix);
  if (documentIds !== undefined) add((parameter) => `d.id = ANY(${parameter}::text[])`, documentIds);
  if (metadata !== undefined)
    add((parameter) => `d.metadata @> ${parameter}::jsonb`, JSON.stringify(metadata));
  return { sql: conditions.map((condition) => ` AND ${condition}`).join(""), values };
}
