// The things that one pool offers: the union of what its replicas list. What only some replicas list (a resource
// made during a session, say) is only asked of those.
import {
  type CacheHint,
  type Entry,
  LIST_KINDS,
  type ListKind,
  type Lists,
  NO_CACHE,
  NO_LISTS,
  stricterHint,
} from "./lists.ts";

export interface PoolEntry extends Entry {
  /** The replicas that list it, or undefined when all do. Kept up to date as replicas come and go. */
  only: ReadonlySet<string> | undefined;
}

export interface PoolCatalog {
  readonly lists: Readonly<Record<ListKind, ReadonlyMap<string, PoolEntry>>>;
  /** Whether any replica has been listed yet. */
  readonly isKnown: boolean;
  /** Takes a replica's lists in; returns the kinds that changed for clients. */
  update(replicaId: string, lists: Lists): readonly ListKind[];
  /** Forgets a replica; returns the kinds that changed for clients. */
  remove(replicaId: string): readonly ListKind[];
  listsOf(replicaId: string): Lists;
  /** What holds for every replica's list; undefined when none has such a list. */
  hintOf(kind: ListKind): CacheHint | undefined;
}

export function createPoolCatalog(): PoolCatalog {
  const byReplica = new Map<string, Lists>();
  const lists: Record<ListKind, ReadonlyMap<string, PoolEntry>> = {
    tools: new Map(),
    resources: new Map(),
    resourceTemplates: new Map(),
    prompts: new Map(),
  };
  const hints: Partial<Record<ListKind, CacheHint | undefined>> = {};
  return {
    lists,
    get isKnown() {
      return byReplica.size > 0;
    },
    update(replicaId, newLists) {
      byReplica.set(replicaId, newLists);
      return mergeAll();
    },
    remove: (replicaId) => (byReplica.delete(replicaId) ? mergeAll() : []),
    listsOf: (replicaId) => byReplica.get(replicaId) ?? NO_LISTS,
    // Of a pool that has not been reached nobody knows yet what it lists.
    hintOf: (kind) => (byReplica.size === 0 ? NO_CACHE : hints[kind]),
  };

  function mergeAll(): readonly ListKind[] {
    return LIST_KINDS.filter((kind) => {
      const merged = merge(kind);
      const hint = mergeHints(kind);
      const changed = !sameEntries(lists[kind], merged) || !sameHint(hints[kind], hint);
      lists[kind] = merged;
      hints[kind] = hint;
      return changed;
    });
  }

  function mergeHints(kind: ListKind): CacheHint | undefined {
    let merged: CacheHint | undefined;
    for (const lists of byReplica.values()) {
      const { hint } = lists[kind];
      if (hint !== undefined) merged = merged === undefined ? hint : stricterHint(merged, hint);
    }
    return merged;
  }

  function merge(kind: ListKind): Map<string, PoolEntry> {
    const owners = new Map<string, { entry: Entry; ids: Set<string> }>();
    for (const [id, lists] of byReplica) {
      for (const entry of lists[kind].entries) {
        const known = owners.get(entry.key);
        if (known === undefined) owners.set(entry.key, { entry, ids: new Set([id]) });
        else known.ids.add(id);
      }
    }
    const merged = new Map<string, PoolEntry>();
    for (const [key, { entry, ids }] of owners) {
      const only = ids.size === byReplica.size ? undefined : ids;
      const known = lists[kind].get(key);
      if (known?.bytes.equals(entry.bytes) === true) {
        // The same object: routes hold it, and who may serve it changes without a change for clients.
        known.only = only;
        merged.set(key, known);
      } else merged.set(key, { ...entry, only });
    }
    return merged;
  }
}

function sameHint(a: CacheHint | undefined, b: CacheHint | undefined): boolean {
  return a?.ttlMs === b?.ttlMs && a?.cacheScope === b?.cacheScope;
}

function sameEntries(a: ReadonlyMap<string, PoolEntry>, b: ReadonlyMap<string, PoolEntry>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, entry] of b) {
    if (a.get(key)?.bytes.equals(entry.bytes) !== true) return false;
  }
  return true;
}
