// Series of what the multiplexer knows anyway: they are read when somebody asks for the metrics.
import type { MultiplexerStatus, PoolStatus, UpstreamStatus } from "@fairlead/aggregator";
import { Counter, Gauge, type Registry } from "prom-client";

type Values = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

const BREAKER_STATES = ["closed", "open", "half-open"] as const;

export function registerStatusSeries(registers: Registry[], status: () => MultiplexerStatus): void {
  const gauge = (name: string, help: string, labelNames: string[], values: () => Values): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [labels, value] of values()) this.set(labels, value);
      },
    });
  };
  const perUpstream = (name: string, help: string, pick: (replica: UpstreamStatus) => number): void =>
    gauge(name, help, ["pool", "upstream"], () =>
      status().pools.flatMap(({ namespace: pool, replicas }) =>
        replicas.map((replica) => [{ pool, upstream: replica.id }, pick(replica)] as const),
      ),
    );
  const perPool = (name: string, help: string, pick: (pool: PoolStatus) => number | undefined): void =>
    gauge(name, help, ["pool"], () =>
      status().pools.flatMap((pool) => {
        const value = pick(pool);
        return value === undefined ? [] : [[{ pool: pool.namespace }, value] as const];
      }),
    );
  const one = (name: string, help: string, pick: (status: MultiplexerStatus) => number): void =>
    gauge(name, help, [], () => [[{}, pick(status())]]);

  perUpstream("fairlead_upstream_up", "Whether the upstream is ready", ({ status: is }) =>
    is === "ready" ? 1 : 0,
  );
  perUpstream("fairlead_upstream_in_flight", "Calls under way on the upstream", ({ inFlight }) => inFlight);
  perUpstream(
    "fairlead_upstream_restarts",
    "Times that the upstream was started again",
    ({ restarts }) => restarts,
  );
  gauge(
    "fairlead_breaker_state",
    "1 for the state that the upstream's breaker is in",
    ["pool", "upstream", "state"],
    () =>
      status().pools.flatMap(({ namespace: pool, replicas }) =>
        replicas.flatMap(({ id: upstream, breaker }) =>
          BREAKER_STATES.map((state) => [{ pool, upstream, state }, breaker === state ? 1 : 0] as const),
        ),
      ),
  );
  perPool("fairlead_pool_queued", "Calls that wait for an upstream", ({ queued }) => queued);
  perPool("fairlead_pool_tools", "Tools that the pool offers", ({ tools }) => tools);
  perPool("fairlead_cache_entries", "Results of tools that are kept", ({ cache }) => cache?.entries);
  perPool("fairlead_cache_bytes", "What kept results take", ({ cache }) => cache?.bytes);
  new Counter({
    name: "fairlead_cache_requests_total",
    help: "Calls of tools with a cache: answered from it, asked for, or given the result of an equal call under way",
    labelNames: ["pool", "result"],
    registers,
    collect() {
      this.reset();
      for (const { namespace: pool, cache } of status().pools) {
        if (cache === null) continue;
        this.inc({ pool, result: "hit" }, cache.hits);
        this.inc({ pool, result: "miss" }, cache.misses);
        this.inc({ pool, result: "joined" }, cache.joins);
      }
    },
  });
  one("fairlead_in_flight", "Requests under way", ({ calls }) => calls.inFlight);
  one("fairlead_sessions", "Sessions of clients", ({ clients }) => clients.sessions);
  one("fairlead_streams", "Streams that clients have open", ({ clients }) => clients.streams);
}
