// Which host gets an attempt: the one that has the model loaded, by what the hosts say and by what was sent to them.
import { createBalancer, type LeaseOutcome } from "@fairlead/balancer";
import { modelAffinity } from "@fairlead/strategy-model-affinity";
import { LmStudioError, type LmStudioErrorCode } from "./errors.ts";
import type { Host } from "./host.ts";
import { canonicalName } from "./model-names.ts";
import type { ClientSettings } from "./options.ts";

interface HostRequest {
  readonly model: string | undefined;
  /** The beginning of the prompt, which a host may still have in its cache. */
  readonly prefix: string | undefined;
  readonly candidates: readonly Host[];
  /** Hosts that the call has been to. */
  readonly tried: ReadonlySet<Host>;
}

interface HostLease {
  readonly host: Host;
  /** Once, with the error if there was one. */
  release(error?: unknown): void;
}

export interface HostPool {
  acquire(request: HostRequest): HostLease;
  /** Asks the hosts what they have loaded: waits for what nobody knows yet. */
  ready(candidates: readonly Host[], signal: AbortSignal): Promise<void>;
}

export function createHostPool(
  hosts: readonly Host[],
  { clock, random, parallel = 4 }: ClientSettings,
): HostPool {
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const balancer = createBalancer({
    strategy: modelAffinity,
    strategyOptions: { parallel: Math.min(parallel, 1_000) },
    clock,
    random,
    // Each host has a breaker of its own, and what stalls here is the machine.
    outlierEjection: false,
    strategyStallMs: Number.POSITIVE_INFINITY,
  });
  for (const { name } of hosts) balancer.add({ id: name });
  const told = new Map<Host, number>();

  return {
    acquire,
    async ready(candidates, signal) {
      const asked = candidates.filter(({ gate }) => gate !== undefined);
      if (asked.length > 1) await Promise.all(asked.map(({ residency }) => residency.known(signal)));
      for (const host of asked) tell(host);
    },
  };

  function acquire(request: HostRequest): HostLease {
    const { model, prefix, candidates, tried } = request;
    const name = model === undefined ? undefined : canonicalName(model);
    const wanted = {
      ...(name === undefined ? {} : { taskClass: name, prefers: [name] }),
      ...(prefix === undefined ? {} : { key: `${name}\n${prefix}` }),
    };
    const closed = candidates.filter(({ breaker }) => breaker.state.status !== "open");
    const fresh = closed.filter((host) => !tried.has(host));
    const allowed = [fresh, closed, candidates].find((list) => list.length > 0) ?? candidates;
    const exclude = hosts.filter((host) => !allowed.includes(host)).map((host) => host.name);
    const lease = balancer.acquire({ ...wanted, exclude });
    const host = lease === undefined ? allowed[0] : byName.get(lease.endpointId);
    if (host === undefined) throw new RangeError("no host to choose from");
    return { host, release: (error) => lease?.release(error === undefined ? "success" : outcomeOf(error)) };
  }

  /** Passes on what a host has said since it was last asked. Where it says nothing, the strategy goes by what was sent there. */
  function tell(host: Host): void {
    const { models, version } = host.residency;
    if (models === undefined || told.get(host) === version) return;
    told.set(host, version);
    const loaded = models
      .filter(({ instances }) => instances.length > 0)
      .map(({ key }) => canonicalName(key));
    // With the publisher and without, as requests may name it.
    const names = new Set(loaded.flatMap((key) => [key, key.slice(key.lastIndexOf("/") + 1)]));
    balancer.update(host.name, { capabilities: [...names] });
  }
}

function outcomeOf(error: unknown): LeaseOutcome {
  if (!(error instanceof LmStudioError)) return "cancelled";
  return outcomes[error.code] ?? "app-error";
}

const outcomes: Readonly<Partial<Record<LmStudioErrorCode, LeaseOutcome>>> = {
  CONNECTION_FAILED: "transport-error",
  CONNECT_TIMEOUT: "transport-error",
  HEADERS_TIMEOUT: "timeout",
  IDLE_TIMEOUT: "timeout",
  ATTEMPT_TIMEOUT: "timeout",
  DEADLINE_EXCEEDED: "cancelled",
  CIRCUIT_OPEN: "not-sent",
  RATE_LIMITED: "not-sent",
  QUEUE_FULL: "not-sent",
  CLIENT_CLOSED: "cancelled",
  CONTENTION: "overload",
  MODEL_CRASHED: "transport-error",
  SERVER_ERROR: "transport-error",
  MODEL_LOAD_FAILED: "overload",
  INVALID_REQUEST: "client-error",
};
