// Changes while it runs: pools and upstreams come, go, change and rest, and calls that have nothing to do with it do not
// notice. Changes of one pool follow one after another.

import type { Explanation } from "@fairlead/balancer";
import type { Catalog, Collision } from "./catalog/catalog.ts";
import { LIST_KINDS } from "./catalog/lists.ts";
import type { Notifier } from "./client/notifier.ts";
import type { Service } from "./client/service.ts";
import type { Sessions } from "./client/sessions.ts";
import type { PoolConfig, UpstreamConfig } from "./config.ts";
import { contradictionsOf } from "./contradictions.ts";
import { AggregatorError } from "./errors.ts";
import type { MultiplexerEvent } from "./events.ts";
import { isServing } from "./pool/member.ts";
import type { Pool } from "./pool/pool.ts";
import { freeId } from "./pool/update-plan.ts";

/** How long calls may take to finish. */
export interface DrainOptions {
  /** Milliseconds; calls that still run then fail, or go on elsewhere where they may. @defaultValue 30 000 */
  readonly drainTimeoutMs?: number;
}

/** What an operator may change while the multiplexer runs. */
export interface Management {
  /**
   * Adds a pool; resolves when each of its upstreams has joined or failed once. `/mcp/<namespace>` is there at once.
   * @throws {@link AggregatorError} `INVALID_CONFIG`; `NAME_COLLISION`, and then it is not added
   */
  addPool(config: PoolConfig): Promise<void>;
  /** Offers a pool no longer, lets its calls finish, and ends its upstreams. @throws {@link AggregatorError} `POOL_UNKNOWN` */
  removePool(namespace: string, options?: DrainOptions): Promise<void>;
  /**
   * Brings a pool to another configuration by its differences only: upstreams that stay the same keep their process and
   * connections, one that is to be reached otherwise is replaced when the new one is ready. An upstream is the same when its
   * `id` is; without an `id`, when it is reached the same way.
   * @throws {@link AggregatorError} `POOL_UNKNOWN`, `INVALID_CONFIG`; `CONNECTION_FAILED` when an upstream could not be
   * replaced, which then goes on as it was
   */
  updatePool(config: PoolConfig): Promise<void>;
  /** Adds an upstream; resolves to its id when it is ready or has failed once. @throws {@link AggregatorError} */
  addServer(namespace: string, upstream: UpstreamConfig): Promise<string>;
  /** Takes an upstream out, lets its calls finish, and ends it. @throws {@link AggregatorError} `SERVER_UNKNOWN`, `INVALID_CONFIG` */
  removeServer(id: string, options?: DrainOptions): Promise<void>;
  /** Changes some fields of an upstream, as {@link Management.updatePool} does. @throws {@link AggregatorError} */
  updateServer(id: string, patch: Partial<UpstreamConfig>): Promise<void>;
  /**
   * Moves the calls of an upstream elsewhere, as far as they may run twice, and gives it no new ones until `undrain`.
   * Resolves when its other calls have ended.
   * @throws {@link AggregatorError} `SERVER_UNKNOWN`; `NO_SERVERS_AVAILABLE` when no other upstream could take over
   */
  forceFailover(id: string, reason: string): Promise<void>;
  /** Gives an upstream no new calls until `undrain`; resolves when those that it has have ended. */
  drain(id: string): Promise<void>;
  undrain(id: string): void;
  /**
   * How a call to a pool would be placed now, and how the strategy ranks the upstreams for it; changes nothing.
   * @throws {@link AggregatorError} `POOL_UNKNOWN`
   */
  explain(namespace: string, tool?: string): Explanation;
  /**
   * Starts an upstream anew, after its calls have finished. While no other upstream of its pool serves, the new process
   * starts before the old one ends.
   */
  restartServer(id: string): Promise<void>;
}

export interface ManagementOptions {
  /** All pools, in order; kept up to date here. */
  readonly pools: Pool[];
  readonly separator: string;
  readonly catalog: Catalog;
  readonly notifier: Notifier;
  readonly sessions: Sessions;
  readonly service: Service;
  readonly createPool: (config: PoolConfig) => Pool;
  /** A pool's options with those that all pools have. */
  readonly completed: (config: PoolConfig) => PoolConfig;
  /** Whether upstreams of a new pool are to be started. */
  readonly isStarted: () => boolean;
  readonly onEvent: (event: MultiplexerEvent) => void;
}

const DRAIN_TIMEOUT_MS = 30_000;

export function createManagement(
  options: ManagementOptions,
): Management & { /** Ends all pools, those that are leaving too. */ stop(): Promise<void> } {
  const { pools, separator, catalog, notifier, sessions, service, onEvent } = options;
  /** The last change of each pool, for the next one to wait for. */
  const changes = new WeakMap<Pool, Promise<unknown>>();
  const leaving = new Set<Pool>();

  return {
    async addPool(given) {
      const config = options.completed(given);
      check(config, isTaken);
      if (pools.some(({ namespace }) => namespace === config.namespace)) {
        throw new AggregatorError(
          "INVALID_CONFIG",
          `namespace "${config.namespace}" is taken; update that pool, or choose another namespace`,
        );
      }
      const pool = options.createPool(config);
      pools.push(pool);
      catalog.add(pool);
      onEvent({ type: "pool-added", pool: pool.namespace });
      if (!options.isStarted()) return;
      pool.start();
      await inOrder(pool, pool.upstreams.settled);
      const collision = catalog.collisions.find((candidate) => isFatal(candidate, pool));
      if (collision === undefined) return;
      await discard(pool, 0);
      throw collisionError(collision);
    },
    async removePool(namespace, { drainTimeoutMs = DRAIN_TIMEOUT_MS } = {}) {
      await discard(poolOf(namespace), drainTimeoutMs);
    },
    async updatePool(given) {
      const config = options.completed(given);
      const pool = poolOf(config.namespace);
      check(config, (id) => pools.some((other) => other !== pool && other.upstreams.has(id)));
      await inOrder(pool, async () => {
        pool.configure(config);
        await pool.upstreams.updateAll(config.upstreams, { drainTimeoutMs: DRAIN_TIMEOUT_MS, isTaken });
      });
      onEvent({ type: "pool-updated", pool: pool.namespace });
    },
    async addServer(namespace, upstream) {
      const pool = poolOf(namespace);
      if (upstream.id !== undefined && isTaken(upstream.id)) throw taken(upstream.id);
      const id = upstream.id ?? freeId(namespace, isTaken);
      await inOrder(pool, () => pool.upstreams.add(id, upstream));
      onEvent({ type: "upstream-added", pool: pool.namespace, upstream: id });
      return id;
    },
    async removeServer(id, { drainTimeoutMs = DRAIN_TIMEOUT_MS } = {}) {
      const pool = poolWith(id);
      await pool.upstreams.remove(id, drainTimeoutMs);
      onEvent({ type: "upstream-removed", pool: pool.namespace, upstream: id });
    },
    async updateServer(id, patch) {
      const pool = poolWith(id);
      if (patch.id !== undefined && patch.id !== id)
        throw new AggregatorError("INVALID_CONFIG", `The id of ${id} cannot be changed.`);
      await inOrder(pool, () => {
        const merged = { ...pool.upstreams.configured.get(id), ...patch } as UpstreamConfig;
        return pool.upstreams.update(id, merged, DRAIN_TIMEOUT_MS);
      });
      onEvent({ type: "upstream-updated", pool: pool.namespace, upstream: id });
    },
    async forceFailover(id, reason) {
      const pool = poolWith(id);
      const leaving = pool.upstreams.membersOf(id);
      if (!pool.members.some((member) => isServing(member) && !leaving.includes(member))) {
        throw new AggregatorError(
          "NO_SERVERS_AVAILABLE",
          `No other upstream of ${pool.namespace} is ready to take over from ${id}.`,
          { pool: pool.namespace, upstream: id },
        );
      }
      const idle = leaving.map((member) => pool.drain(member, reason, DRAIN_TIMEOUT_MS));
      const moved = leaving.reduce((sum, member) => sum + pool.calls.move(member, reason), 0);
      onEvent({ type: "failover", pool: pool.namespace, upstream: id, reason, moved });
      await Promise.all(idle);
    },
    async drain(id) {
      const pool = poolWith(id);
      const leaving = pool.upstreams.membersOf(id);
      await Promise.all(
        leaving.map((member) => pool.drain(member, "drained by the operator", DRAIN_TIMEOUT_MS)),
      );
    },
    undrain(id) {
      const pool = poolWith(id);
      for (const member of pool.upstreams.membersOf(id)) pool.undrain(member);
    },
    async stop() {
      await Promise.all([...pools, ...leaving].map((pool) => pool.stop()));
    },
    explain: (namespace, tool) => poolOf(namespace).explain(tool),
    async restartServer(id) {
      const pool = poolWith(id);
      await inOrder(pool, () => pool.upstreams.restart(id, DRAIN_TIMEOUT_MS));
      onEvent({ type: "upstream-restarted", pool: pool.namespace, upstream: id });
    },
  };

  function check(config: PoolConfig, isTakenElsewhere: (id: string) => boolean): void {
    const [contradiction] = contradictionsOf({ pools: [config], separator });
    if (contradiction !== undefined) throw new AggregatorError("INVALID_CONFIG", contradiction.message);
    for (const [at, { id = `${config.namespace}-${at + 1}` }] of config.upstreams.entries())
      if (isTakenElsewhere(id)) throw taken(id);
  }

  function isTaken(id: string): boolean {
    return pools.some(({ upstreams }) => upstreams.has(id));
  }

  function poolOf(namespace: string): Pool {
    const pool = pools.find((candidate) => candidate.namespace === namespace);
    if (pool !== undefined) return pool;
    const known = pools.map((candidate) => candidate.namespace).join(", ");
    throw new AggregatorError("POOL_UNKNOWN", `There is no pool "${namespace}"; there are: ${known}`);
  }

  function poolWith(id: string): Pool {
    const pool = pools.find(({ upstreams }) => upstreams.has(id));
    if (pool !== undefined) return pool;
    throw new AggregatorError("SERVER_UNKNOWN", `There is no upstream "${id}"; the status lists them all.`);
  }

  async function inOrder<T>(pool: Pool, change: () => Promise<T>): Promise<T> {
    const turn = (changes.get(pool) ?? Promise.resolve()).then(change);
    changes.set(
      pool,
      turn.catch(() => {}),
    );
    return await turn;
  }

  async function discard(pool: Pool, drainTimeoutMs: number): Promise<void> {
    const scope = catalog.ofPool(pool.namespace);
    const kinds = LIST_KINDS.filter((kind) => pool.catalog.lists[kind].size > 0);
    // Told while clients' scopes still hold it; whoever lists upon that finds it gone.
    notifier.listChanged(pool, kinds);
    pools.splice(pools.indexOf(pool), 1);
    catalog.remove(pool);
    leaving.add(pool);
    await pool.calls.drained(drainTimeoutMs);
    await pool.stop();
    leaving.delete(pool);
    if (scope !== undefined) {
      service.endListens(scope);
      sessions.closeScope(scope);
    }
    notifier.removePool(pool);
    onEvent({ type: "pool-removed", pool: pool.namespace });
  }
}

function taken(id: string): AggregatorError {
  return new AggregatorError("INVALID_CONFIG", `upstream id "${id}" is taken by another upstream`);
}

/** Tools and prompts are called by name, so two of one name cannot both be offered. */
export function isFatal({ kind, first, second }: Collision, pool?: Pool): boolean {
  if (kind !== "tools" && kind !== "prompts") return false;
  return pool === undefined || first.pool === pool.namespace || second.pool === pool.namespace;
}

export function collisionError({ name, kind, first, second }: Collision): AggregatorError {
  return new AggregatorError(
    "NAME_COLLISION",
    `Two ${kind} want the name ${name}: "${first.name}" of ${first.pool} and "${second.name}" of ${second.pool}. Give one pool another namespace, or choose another separator.`,
  );
}
