// Operations that only look.
import type { MultiplexerStatus } from "@fairlead/aggregator";
import { z } from "zod";
import type { ClientGate } from "../../clients/client-gate.ts";
import type { ConfigStore } from "../../config/store.ts";
import type { EventStream } from "../event-stream.ts";
import { AdminError, type Operation, operation } from "../operation.ts";
import { clientReport, done, gatewayStatus, poolStatus, upstreamStatus } from "./schemas.ts";

export interface ObserveDependencies {
  readonly status: () => MultiplexerStatus;
  readonly analytics: () => unknown;
  readonly endpoint: () => string;
  readonly clients: ClientGate;
  readonly store: ConfigStore;
  readonly events: EventStream;
}

export function observeOperations({
  status,
  analytics,
  endpoint,
  clients,
  store,
  events,
}: ObserveDependencies): Operation[] {
  return [
    operation({
      id: "getStatus",
      method: "GET",
      path: "/api/status",
      access: "client",
      summary: "The state of the gateway, its pools and upstreams, and what to do about problems.",
      input: z.strictObject({}),
      output: gatewayStatus,
      run() {
        const { lastReload, current } = store;
        const now = status();
        const problems = lastReload.ok
          ? now.problems
          : [...now.problems, reloadProblem(lastReload.error ?? "unknown")];
        return {
          ...now,
          problems,
          endpoint: endpoint(),
          config: { file: current.file, lastReload },
        };
      },
    }),
    operation({
      id: "getAnalytics",
      method: "GET",
      path: "/api/analytics",
      summary: "Calls, latencies and failures of the last minutes, by pool, upstream and tool.",
      input: z.strictObject({}),
      output: z.looseObject({}),
      run: analytics,
    }),
    operation({
      id: "listServers",
      method: "GET",
      path: "/api/servers",
      summary: "All upstreams with their pools.",
      input: z.strictObject({}),
      output: z.object({ servers: z.array(upstreamStatus.extend({ pool: z.string() })) }),
      run: () => ({
        servers: status().pools.flatMap(({ namespace, replicas }) =>
          replicas.map((replica) => ({ ...replica, pool: namespace })),
        ),
      }),
    }),
    operation({
      id: "listPools",
      method: "GET",
      path: "/api/pools",
      summary: "All pools.",
      input: z.strictObject({}),
      output: z.object({ pools: z.array(poolStatus) }),
      run: () => ({ pools: status().pools }),
    }),
    operation({
      id: "listBreakers",
      method: "GET",
      path: "/api/breakers",
      summary: "The circuit breaker of each upstream, and of each client.",
      input: z.strictObject({}),
      output: z.object({
        upstreams: z.array(z.object({ pool: z.string(), upstream: z.string(), state: z.string() })),
        clients: z.array(z.object({ client: z.string(), state: z.string() })),
      }),
      run: () => ({
        upstreams: status().pools.flatMap(({ namespace, replicas }) =>
          replicas.map(({ id, breaker }) => ({ pool: namespace, upstream: id, state: breaker })),
        ),
        clients: clients.clients().map(({ id, breaker }) => ({ client: id, state: breaker })),
      }),
    }),
    operation({
      id: "listClients",
      method: "GET",
      path: "/api/clients",
      summary: "Who uses the gateway, and how much.",
      input: z.strictObject({}),
      output: z.object({ clients: z.array(clientReport) }),
      run: () => ({ clients: clients.clients() }),
    }),
    operation({
      id: "resetClientBreaker",
      method: "POST",
      path: "/api/clients/{id}/reset",
      summary: "Ends the pause of a client that sent too many wrong requests.",
      idempotent: true,
      input: z.strictObject({ id: z.string() }),
      output: done,
      run({ id }) {
        if (!clients.resetBreaker(id)) throw new AdminError(404, "NOT_FOUND", `There is no client "${id}".`);
        return { done: true as const };
      },
    }),
    operation({
      id: "listEvents",
      method: "GET",
      path: "/api/events/recent",
      summary: "What happened lately, oldest first; /api/events streams it.",
      input: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(100) }),
      output: z.object({
        events: z.array(z.looseObject({ sequence: z.number(), at: z.string(), type: z.string() })),
      }),
      run: ({ limit }) => ({ events: events.recent().slice(-limit) }),
    }),
  ];
}

function reloadProblem(error: string): { code: string; message: string; fix: string } {
  return {
    code: "CONFIG_NOT_APPLIED",
    message: `the configuration on disk was not applied: ${error.split("\n", 1)[0]}`,
    fix: "`fairlead config check` shows everything that is wrong with it; the gateway runs on with the one before",
  };
}
