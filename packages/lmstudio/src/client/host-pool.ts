// Which host gets an attempt: the one that has the model loaded, by what the hosts say and by what was sent to them.
import { createBalancer, type LeaseOutcome } from "@fairlead/balancer";
import { pipeline } from "@fairlead/core";
import { modelAffinity } from "@fairlead/strategy-model-affinity";
import { LmStudioError, type LmStudioErrorCode } from "./errors.ts";
import type { Host } from "./host.ts";
import { canonicalName, listModels } from "./models.ts";
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
  /** Asks the hosts what they have loaded: the first time at once, later in the background. */
  ready(): Promise<void>;
}

/** How long an answer about loaded models is good for, and how long a host may take to give one, in milliseconds. */
const goodForMs = 30_000;
const answersWithinMs = 2_000;

export function createHostPool(
  hosts: readonly Host[],
  { clock, random, parallel }: ClientSettings,
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
  const known = new Map<Host, ReadonlySet<string>>();
  const question = pipeline({ clock, timeoutMs: answersWithinMs });
  let askedAt = Number.NEGATIVE_INFINITY;
  let first: Promise<void> | undefined;

  return { acquire, ready };

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
    return {
      host,
      release(error) {
        lease?.release(error === undefined ? "success" : outcomeOf(error));
        // It had to be loaded, and so something else may have been unloaded.
        if (name !== undefined && known.get(host)?.has(name) === false) askedAt = Number.NEGATIVE_INFINITY;
      },
    };
  }

  async function ready(): Promise<void> {
    if (hosts.length < 2) return;
    if (clock.now() - askedAt >= goodForMs) {
      askedAt = clock.now();
      const asked = Promise.all(hosts.map(askHost)).then(() => {});
      first ??= asked;
    }
    await first;
  }

  async function askHost(host: Host): Promise<void> {
    try {
      const models = await question.execute(({ signal }) => listModels(host, signal));
      const loaded = models
        .filter(({ instances }) => instances.length > 0)
        .map(({ key }) => canonicalName(key));
      // With the publisher and without, as requests may name it.
      const names = new Set(loaded.flatMap((key) => [key, key.slice(key.lastIndexOf("/") + 1)]));
      known.set(host, names);
      balancer.update(host.name, { capabilities: [...names] });
    } catch {
      // Where it is not said what is loaded, the strategy goes by what was sent there.
      known.delete(host);
    }
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
