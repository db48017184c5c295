// The configured upstreams of a pool, and the members that stand for them: one, or several replicas of the same thing.
import { isDeepStrictEqual } from "node:util";
import type { UpstreamConfig } from "../config.ts";
import { AggregatorError } from "../errors.ts";
import type { Autoscaler } from "./autoscaler.ts";
import { isServing, type PoolMember } from "./member.ts";
import type { Members } from "./members.ts";
import { rangeOf } from "./scaler.ts";
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
  /** Adds replicas to an upstream. */
  grow(id: string, by: number): void;
}

export function createUpstreams(
  namespace: string,
  initial: readonly UpstreamConfig[],
  members: Members,
  autoscaler: Autoscaler,
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
      for (const { config } of [...add, ...change]) checkReplicas(config);
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
    grow(id, by) {
      const config = configured.get(id);
      if (config !== undefined) for (let added = 0; added < by; added++) addReplica(id, config);
    },
  };

  function need(id: string): UpstreamConfig {
    const config = configured.get(id);
    if (config !== undefined) return config;
    const replica = members.byId.get(id);
    if (replica === undefined) throw unknownServer(id);
    throw new AggregatorError(
      "INVALID_CONFIG",
      `${id} is a replica of ${replica.upstream}; change or remove that`,
    );
  }

  function membersOf(id: string): readonly PoolMember[] {
    const found = replicasOf(id);
    if (found.length === 0) throw unknownServer(id);
    return found;
  }

  function replicasOf(id: string): readonly PoolMember[] {
    return [...members.byId.values()].filter((member) => member.upstream === id || member.id === id);
  }

  function join(id: string, config: UpstreamConfig): readonly PoolMember[] {
    checkReplicas(config);
    configured.set(id, config);
    autoscaler.watch(id, config);
    return fill(id, config);
  }

  /** Adds the members that an upstream lacks; returns them. */
  function fill(id: string, config: UpstreamConfig): readonly PoolMember[] {
    if (config.replicas === undefined) return members.byId.has(id) ? [] : [members.join(id, id, config)];
    const { min } = rangeOf(config.replicas, config.maxConcurrency);
    const lacking = min - replicasOf(id).filter((member) => member.id !== id).length;
    return Array.from({ length: Math.max(0, lacking) }, () => addReplica(id, config));
  }

  function addReplica(id: string, config: UpstreamConfig): PoolMember {
    let number = 1;
    while (members.byId.has(`${id}.${number}`)) number++;
    return members.join(`${id}.${number}`, id, config);
  }

  /** Members that an upstream no longer has a place for. */
  function surplusOf(id: string, config: UpstreamConfig): readonly PoolMember[] {
    const all = replicasOf(id);
    if (config.replicas === undefined) return all.filter((member) => member.id !== id);
    const { max } = rangeOf(config.replicas, config.maxConcurrency);
    const numbered = all.filter((member) => member.id !== id);
    return [...all.filter((member) => member.id === id), ...numbered.slice(max)];
  }

  async function settle(joined: readonly PoolMember[]): Promise<void> {
    await Promise.all(joined.filter(({ mode }) => mode !== "disabled").map(members.settled));
  }

  async function leave(id: string, drainTimeoutMs: number): Promise<void> {
    configured.delete(id);
    autoscaler.forget(id);
    await Promise.all(replicasOf(id).map((member) => members.retire(member, drainTimeoutMs)));
  }

  async function update(id: string, config: UpstreamConfig, drainTimeoutMs: number): Promise<void> {
    const before = need(id);
    if (isDeepStrictEqual(before, config)) return;
    checkReplicas(config);
    autoscaler.forget(id);
    try {
      await change(id, before, config, drainTimeoutMs);
      configured.set(id, config);
    } finally {
      autoscaler.watch(id, configured.get(id) ?? before);
    }
  }

  async function change(
    id: string,
    before: UpstreamConfig,
    config: UpstreamConfig,
    drainTimeoutMs: number,
  ): Promise<void> {
    // Members that there is no place for any more serve until those that come instead do.
    const surplus = surplusOf(id, config);
    const staying = membersOf(id).filter((member) => !surplus.includes(member));
    const isNew = !isSameConnection(before, config) || (before.enabled ?? true) !== (config.enabled ?? true);
    if (isNew)
      await Promise.all(staying.map((member) => members.replace(member, config, { drainTimeoutMs })));
    else for (const member of staying) members.adjust(member, config);
    await settle(fill(id, config));
    for (const member of surplus) void members.retire(member, drainTimeoutMs);
  }

  /** Where others serve it ends first, since some servers cannot run twice; where none does, the new one comes first. */
  async function restart(member: PoolMember, drainTimeoutMs: number): Promise<void> {
    const endFirst = [...members.byId.values()].some((other) => other !== member && isServing(other));
    await members.replace(member, member.config, { drainTimeoutMs, endFirst });
  }
}

/** @throws {@link AggregatorError} `INVALID_CONFIG` */
function checkReplicas({ command, replicas, maxConcurrency }: UpstreamConfig): void {
  if (replicas === undefined) return;
  if (command === undefined)
    throw new AggregatorError("INVALID_CONFIG", "replicas needs a command, to start them with");
  try {
    rangeOf(replicas, maxConcurrency);
  } catch (error) {
    throw new AggregatorError("INVALID_CONFIG", (error as Error).message, {}, { cause: error });
  }
}

function unknownServer(id: string): AggregatorError {
  return new AggregatorError("SERVER_UNKNOWN", `There is no upstream ${id}; the status lists them all.`);
}
