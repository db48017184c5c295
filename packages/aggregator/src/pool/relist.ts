// Reads the lists of a pool's upstreams: all of them after a handshake, and single ones again when a server says that they
// have changed, or when they are asked for and it never says so.
import type { Clock } from "@fairlead/core";
import {
  fetchList,
  fetchLists,
  LIST_KINDS,
  LIST_METHODS,
  type ListKind,
  type Lists,
} from "../catalog/lists.ts";
import type { PoolCatalog } from "../catalog/pool-catalog.ts";
import type { Replica } from "../upstream/replica.ts";
import type { OpenUpstream } from "../upstream/target.ts";

export interface RelistOptions {
  readonly catalog: PoolCatalog;
  readonly clock: Clock;
  readonly timeoutMs: () => number;
  /** Whether what the replica lists counts. */
  readonly isCurrent: (replica: Replica) => boolean;
  readonly onChange: (kinds: readonly ListKind[]) => void;
  readonly onProblem: (replica: Replica, message: string) => void;
}

export interface Relist {
  /** Reads everything from a new connection. @throws ControlError */
  all(replica: Replica, open: OpenUpstream): Promise<void>;
  /** Reads some lists again, soon. */
  soon(replica: Replica, kinds: readonly ListKind[]): void;
  /** A client asks for a list: it is read again, soon, if it is old and the server would not say that it has changed. */
  asked(replica: Replica, kind: ListKind): void;
  /** From here on what the replica listed counts. */
  take(replica: Replica): void;
}

const DELAY_MS = 100;
/** However soon a server says that its lists are out of date (`ttlMs`), they are not read again before. */
const MIN_AGE_MS = 10_000;

export function createRelist(options: RelistOptions): Relist {
  const { catalog, clock, timeoutMs, isCurrent } = options;
  const planned = new Map<Replica, Set<ListKind>>();
  /** What those list that are not current yet. */
  const early = new WeakMap<Replica, Lists>();
  /** When each list was read, or was to be. */
  const readAt = new WeakMap<Replica, Map<ListKind, number>>();

  return {
    async all(replica, { connection, info: { capabilities } }) {
      const now = clock.now();
      readAt.set(replica, new Map(LIST_KINDS.map((kind) => [kind, now])));
      const lists = await fetchLists(connection, { capabilities, timeoutMs: timeoutMs(), clock });
      if (isCurrent(replica)) update(replica, lists);
      else early.set(replica, lists);
    },
    soon,
    asked(replica, kind) {
      const declared = replica.state.info?.capabilities[LIST_METHODS[kind].capability];
      const { hint } = catalog.listsOf(replica.id)[kind];
      if (hint === undefined || (declared as { listChanged?: unknown } | undefined)?.listChanged === true)
        return;
      const age = clock.now() - (readAt.get(replica)?.get(kind) ?? 0);
      if (age >= Math.max(hint.ttlMs, MIN_AGE_MS)) soon(replica, [kind]);
    },
    take(replica) {
      const lists = early.get(replica);
      if (lists !== undefined) update(replica, lists);
    },
  };

  function soon(replica: Replica, kinds: readonly ListKind[]): void {
    for (const kind of kinds) readAt.get(replica)?.set(kind, clock.now());
    const known = planned.get(replica);
    if (known !== undefined) {
      for (const kind of kinds) known.add(kind);
      return;
    }
    planned.set(replica, new Set(kinds));
    // Many changes in a row, as while a server registers its tools, become one new reading of the list.
    void clock.sleep(DELAY_MS).then(() => relist(replica));
  }

  async function relist(replica: Replica): Promise<void> {
    const kinds = [...(planned.get(replica) ?? [])];
    planned.delete(replica);
    const { connection } = replica;
    // Without a connection there is nothing to ask; the next one is listed anyway.
    if (connection === undefined || !isCurrent(replica)) return;
    try {
      const capabilities = replica.state.info?.capabilities ?? {};
      const lists = { ...catalog.listsOf(replica.id) };
      for (const kind of kinds)
        lists[kind] = await fetchList(connection, kind, { capabilities, timeoutMs: timeoutMs(), clock });
      if (isCurrent(replica)) update(replica, lists);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      options.onProblem(replica, `its lists could not be read again: ${why}`);
    }
  }

  function update(replica: Replica, lists: Lists): void {
    const kinds = catalog.update(replica.id, lists);
    if (kinds.length > 0) options.onChange(kinds);
  }
}
