// Operations that change which servers serve, and how.
import { AggregatorError, type Multiplexer, type UpstreamConfig } from "@fairlead/aggregator";
import { explainIssues, namespaceSchema, printPath, upstreamSchema } from "@fairlead/aggregator/schema";
import { z } from "zod";
import type { Pinned, ServerPolicy } from "../../protect/server-policy.ts";
import { AdminError, type Operation, operation } from "../operation.ts";
import { done } from "./schemas.ts";

export interface ServerDependencies {
  readonly multiplexer: Multiplexer;
  readonly policy: ServerPolicy;
  /** Keeps a change in the configuration file as well. */
  readonly persist: ServerPersistence;
}

export interface ServerPersistence {
  added(pool: string, upstream: Readonly<Record<string, unknown>>): Promise<void>;
  removed(id: string): Promise<void>;
  updated(id: string, patch: Readonly<Record<string, unknown>>): Promise<void>;
}

const id = z.string().min(1).max(128).describe("Id of the upstream, as the status has it");
const persist = z.boolean().default(false).describe("Whether the configuration file is changed as well");
const upstream = z.record(z.string(), z.unknown()).describe("An upstream as the configuration has it");

export function serverOperations({ multiplexer, policy, persist: keep }: ServerDependencies): Operation[] {
  const act = async (work: () => unknown): Promise<{ done: true }> => {
    await explained(work);
    return { done: true };
  };
  /** What a server must have so that it may be added or changed like that. @throws {@link AdminError} 403 */
  const allowed = async (server: Readonly<Record<string, unknown>>): Promise<Pinned> => {
    const verdict = await policy.check(server);
    if (verdict.refusal !== undefined) throw new AdminError(403, "FORBIDDEN", verdict.refusal);
    return verdict.pinned;
  };
  return [
    operation({
      id: "addServer",
      method: "POST",
      path: "/api/servers",
      summary: "Adds an upstream to a pool; a pool that does not exist is created.",
      input: z.strictObject({ pool: namespaceSchema, server: upstream, persist: persist.optional() }),
      output: z.object({ id: z.string() }),
      async run({ pool, server, persist: shouldPersist = false }) {
        const known = checked(server);
        const pinned = await allowed(server);
        const config: UpstreamConfig = known.transport === "stdio" ? known : { ...known, ...pinned };
        const exists = multiplexer.getStatus().pools.some(({ namespace }) => namespace === pool);
        const added = await explained(async () => {
          if (exists) return multiplexer.addServer(pool, config);
          await multiplexer.addPool({ namespace: pool, upstreams: [config] });
          return config.id ?? `${pool}-1`;
        });
        if (shouldPersist) await keep.added(pool, { ...server, ...pinned, id: added });
        return { id: added };
      },
    }),
    operation({
      id: "removeServer",
      method: "DELETE",
      path: "/api/servers/{id}",
      summary: "Takes an upstream out after its calls have ended.",
      destructive: true,
      input: z.strictObject({
        id,
        drainTimeoutMs: z.coerce.number().int().min(0).max(600_000).optional(),
        persist: z.stringbool().optional(),
      }),
      output: done,
      async run({ id: server, drainTimeoutMs, persist: shouldPersist = false }) {
        const options = drainTimeoutMs === undefined ? {} : { drainTimeoutMs };
        const pool = multiplexer.getStatus().pools.find(({ replicas }) => isOnly(replicas, server));
        // A pool cannot be empty: with its last upstream it goes as well.
        const result = await act(() =>
          pool === undefined
            ? multiplexer.removeServer(server, options)
            : multiplexer.removePool(pool.namespace, options),
        );
        if (shouldPersist) await keep.removed(server);
        return result;
      },
    }),
    operation({
      id: "updateServer",
      method: "PATCH",
      path: "/api/servers/{id}",
      summary: "Changes fields of an upstream; it is only replaced when it must be reached otherwise.",
      input: z.strictObject({ id, patch: upstream, persist: persist.optional() }),
      output: done,
      async run({ id: server, patch, persist: shouldPersist = false }) {
        const complete = { ...patch, ...(await allowed(patch)) };
        const result = await act(() => multiplexer.updateServer(server, complete as Partial<UpstreamConfig>));
        if (shouldPersist) await keep.updated(server, complete);
        return result;
      },
    }),
    ...(["enable", "disable"] as const).map((verb) =>
      operation({
        id: `${verb}Server`,
        method: "POST",
        path: `/api/servers/{id}/${verb}`,
        summary:
          verb === "enable"
            ? "Switches an upstream on."
            : "Switches an upstream off, after its calls have ended.",
        idempotent: true,
        input: z.strictObject({ id, persist: persist.optional() }),
        output: done,
        async run({ id: server, persist: shouldPersist = false }) {
          const patch = { enabled: verb === "enable" };
          const result = await act(() => multiplexer.updateServer(server, patch));
          if (shouldPersist) await keep.updated(server, patch);
          return result;
        },
      }),
    ),
    operation({
      id: "drainServer",
      method: "POST",
      path: "/api/servers/{id}/drain",
      summary:
        "Gives an upstream no new calls until it is undrained; answers when those that it has have ended.",
      idempotent: true,
      input: z.strictObject({ id }),
      output: done,
      run: ({ id: server }) => act(() => multiplexer.drain(server)),
    }),
    operation({
      id: "undrainServer",
      method: "POST",
      path: "/api/servers/{id}/undrain",
      summary: "Gives an upstream calls again.",
      idempotent: true,
      input: z.strictObject({ id }),
      output: done,
      run: ({ id: server }) => act(() => multiplexer.undrain(server)),
    }),
    operation({
      id: "failoverServer",
      method: "POST",
      path: "/api/servers/{id}/failover",
      summary: "Moves the calls of an upstream elsewhere, and gives it no new ones until it is undrained.",
      idempotent: true,
      input: z.strictObject({ id, reason: z.string().min(1).max(500).default("asked for by an operator") }),
      output: done,
      run: ({ id: server, reason }) => act(() => multiplexer.forceFailover(server, reason)),
    }),
    operation({
      id: "restartServer",
      method: "POST",
      path: "/api/servers/{id}/restart",
      summary: "Starts an upstream anew after its calls have ended.",
      destructive: true,
      input: z.strictObject({ id }),
      output: done,
      run: ({ id: server }) => act(() => multiplexer.restartServer(server)),
    }),
  ];
}

function isOnly(replicas: readonly { readonly id: string }[], server: string): boolean {
  return replicas.length === 1 && replicas[0]?.id === server;
}

function checked(server: Readonly<Record<string, unknown>>): UpstreamConfig {
  const parsed = upstreamSchema.safeParse(server);
  if (parsed.success) return parsed.data;
  const [problem] = explainIssues(upstreamSchema, parsed.error.issues);
  const where = problem === undefined ? "" : printPath(["server", ...problem.path]);
  throw new AdminError(400, "INVALID_INPUT", `${where}: ${problem?.message}; ${problem?.fix}`);
}

async function explained<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AggregatorError)) throw error;
    const isUnknown = error.code === "SERVER_UNKNOWN" || error.code === "POOL_UNKNOWN";
    if (isUnknown) throw new AdminError(404, "NOT_FOUND", error.message, { cause: error });
    if (error.code === "INVALID_CONFIG")
      throw new AdminError(422, "INVALID_CONFIG", error.message, { cause: error });
    throw new AdminError(409, "CONFLICT", error.message, { cause: error });
  }
}
