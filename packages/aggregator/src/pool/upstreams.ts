// The configured upstreams of a pool, and the members that stand for them: one, or several replicas of the same thing.
import { isDeepStrictEqual } from "node:util";
import type { UpstreamConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import { isServing, type PoolMember } from "./member.ts";
import type { Members } from "./members.ts";
import { isSameConnection, planUpdate } from "./update-plan.ts";

export interface Upstreams {
  /** Every configured upstream, by id. */
  readonly configured: ReadonlyMap<string, UpstreamConfig>;
  /** The members behind an upstream's id, or the one with that id. @throws {@link AggregatorError} `SERVER_UNKNOWN` */
  membersOf(id: string): readonly PoolMember[];
  has(id: string): boolean;
  /** Adds an upstream; resolves when it is ready or has failed once. */
  add(id: string, config: UpstreamConfig): Promise<void>;
  /** Takes an upstream out; resolves when it has ended. @throws {@link AggregatorError} `INVALID_CONFIG` for the last one */
  remove(id: string, drainTimeoutMs: number): Promise<void>;
  /** Gives an upstream another configuration; what needs no new process is changed in place. */
  update(id: string, config: UpstreamConfig, drainTimeoutMs: number): Promise<void>;
  /** Brings the pool from the upstreams that it has to those given; the rest stays untouched. */
  updateAll(
    configs: readonly UpstreamConfig[],
    options: { readonly drainTimeoutMs: number; readonly isTaken: (id: string) => boolean },
  ): Promise<void>;
  /** Resolves when each is ready, or has failed once. */
  settled(): Promise<void>;
  /** Replaces each member behind the id by a fresh one, one after another. */
  restart(id: string, drainTimeoutMs: number): Promise<void>;
}

export function createUpstreams(
  namespace: string,
  initial: readonly UpstreamConfig[],
  members: Members,
): Upstreams {
  const configured = new Map<string, UpstreamConfig>();
  for (const [at, config] of initial.entries()) join(config.id ?? `${namespace}-${at + 1}`, config);

  return {
    configured,
    membersOf,
    has: (id) => configured.has(id) || members.byId.has(id),
    add: (id, config) => settle(join(id, config)),
    async remove(id, drainTimeoutMs) {
      need(id);
      if (configured.size === 1) {
        throw new AggregatorError(
          "INVALID_CONFIG",
          `${id} is the last upstream of pool "${namespace}"; remove the pool, or add another upstream first`,
        );
      }
      await leave(id, drainTimeoutMs);
    },
    update,
    async updateAll(configs, { drainTimeoutMs, isTaken }) {
      const known = [...configured].map(([id, config]) => ({ id, config }));
      const { add, remove, change } = planUpdate(namespace, known, configs, isTaken);
      const joined = add.map(({ id, config }) => settle(join(id, config)));
      const changed = change.map(({ id, config }) => update(id, config, drainTimeoutMs));
      const results = await Promise.allSettled(changed);
      // What comes is waited for before anything goes.
      await Promise.all(joined);
      for (const id of remove) void leave(id, drainTimeoutMs);
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
    settled: () => settle([...members.byId.values()]),
    async restart(id, drainTimeoutMs) {
      for (const member of membersOf(id)) await restart(member, drainTimeoutMs);
    },
  };

  function need(id: string): UpstreamConfig {
    const config = configured.get(id);
    if (config === undefined) throw unknownServer(id);
    return config;
  }

  function membersOf(id: string): readonly PoolMember[] {
    const found = [...members.byId.values()].filter((member) => member.upstream === id || member.id === id);
    if (found.length === 0) throw unknownServer(id);
    return found;
  }

  function join(id: string, config: UpstreamConfig): readonly PoolMember[] {
    configured.set(id, config);
    return [members.join(id, id, config)];
  }

  async function settle(joined: readonly PoolMember[]): Promise<void> {
    await Promise.all(joined.filter(({ mode }) => mode !== "disabled").map(members.settled));
  }

  async function leave(id: string, drainTimeoutMs: number): Promise<void> {
    configured.delete(id);
    await Promise.all(membersOf(id).map((member) => members.retire(member, drainTimeoutMs)));
  }

  async function update(id: string, config: UpstreamConfig, drainTimeoutMs: number): Promise<void> {
    const before = need(id);
    if (isDeepStrictEqual(before, config)) return;
    const isNew = !isSameConnection(before, config) || (before.enabled ?? true) !== (config.enabled ?? true);
    if (!isNew) {
      for (const member of membersOf(id)) members.adjust(member, config);
    } else {
      await Promise.all(membersOf(id).map((member) => members.replace(member, config, { drainTimeoutMs })));
    }
    configured.set(id, config);
  }

  /** Where others serve it ends first, since some servers cannot run twice; where none does, the new one comes first. */
  async function restart(member: PoolMember, drainTimeoutMs: number): Promise<void> {
    const endFirst = [...members.byId.values()].some((other) => other !== member && isServing(other));
    await members.replace(member, member.config, { drainTimeoutMs, endFirst });
  }
}

function unknownServer(id: string): AggregatorError {
  return new AggregatorError("SERVER_UNKNOWN", `There is no upstream ${id}; the status lists them all.`);
}
