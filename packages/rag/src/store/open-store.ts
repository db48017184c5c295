// One place that says what a store's location means.

import { openSqliteStore } from "./sqlite/store.ts";
import type { RagStore } from "./store.ts";
import type { Language } from "./terms.ts";

export interface OpenStoreOptions {
  /** How a new store cuts text into terms. @defaultValue "english" */
  readonly language?: Language | undefined;
}

/** A path is an SQLite file; `postgres://…` is a database. @throws RagError `STORE_OPEN_FAILED`, `STORE_TOO_NEW` */
export async function openStore(location: string, { language }: OpenStoreOptions = {}): Promise<RagStore> {
  if (/^postgres(ql)?:\/\//i.test(location)) {
    const { openPostgresStore } = await import("./postgres/store.ts");
    return openPostgresStore({ connectionString: location, language });
  }
  return openSqliteStore({ path: location, language });
}
