// Checks under traffic that nobody would send on purpose: endpoints that come and go, filters, every outcome, latencies
// that are no numbers, and a clock that jumps.
import type { Clock } from "@fairlead/core";
import { type Balancer, createBalancer } from "../balancer.ts";
import type { LeaseOutcome } from "../contract.ts";
import type { BalancerEvent } from "../events.ts";
import type { Lease } from "../lease.ts";
import type { Check, Subject } from "./check.ts";

const outcomes: readonly LeaseOutcome[] = [
  "success",
  "success",
  "success",
  "transport-error",
  "overload",
  "timeout",
  "app-error",
  "client-error",
  "cancelled",
  "hedge-loser",
  "not-sent",
];

const latencies: readonly number[] = [
  1,
  20,
  400,
  0,
  -5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.MIN_VALUE,
  1e300,
];

/** Endpoints, requests and outcomes at random; the clock runs, and jumps when asked to. */
function churn(subject: Subject, steps: number, jumps: boolean): { balancer: Balancer; faults: string[] } {
  const { random } = subject;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  let now = 0;
  const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
  const faults: string[] = [];
  const onEvent = (event: BalancerEvent): void => {
    if (event.type === "strategy-fault") faults.push(`${event.fault}: ${String(event.cause)}`);
  };
  const balancer = createBalancer({
    strategy: subject.factory,
    strategyOptions: subject.options,
    strategyStallMs: Number.POSITIVE_INFINITY,
    strategyMaxStrikes: 1_000_000,
    slowStart: { windowMs: 2_000 },
    clock,
    random,
    onEvent,
  });
  const known = new Set<string>();
  const open: Lease[] = [];
  for (let step = 0; step < steps && faults.length === 0; step++) {
    now += jumps && random() < 0.01 ? pick([-1e6, 1e9, -3, 0]) : random() * 5;
    const id = `endpoint-${Math.floor(random() * 12)}`;
    const kind = random();
    if (kind < 0.05) {
      if (known.has(id)) balancer.remove(id);
      else
        balancer.add({
          id,
          weight: pick([0.1, 1, 1, 1, 5]),
          maxConcurrency: pick([0, 0, 2]),
          tags: [pick(["red", "blue"])],
          capabilities: [pick(["text", "image"])],
        });
      if (!known.delete(id)) known.add(id);
    } else if (kind < 0.1 && known.has(id))
      balancer.setHealth(id, pick(["healthy", "healthy", "unhealthy", "draining"]));
    else if (kind < 0.13 && known.has(id))
      balancer.update(id, { weight: pick([0.2, 1, 1, 3]), priority: pick([0, 0, 1]) });
    else if (kind < 0.16 && known.has(id))
      balancer.report(id, {
        cpuUtilization: pick([0, 0.5, 1, 2, Number.NaN]),
        memoryUtilization: random(),
        requestsInFlight: pick([0, 7, Number.NaN]),
        expectedLatencyMs: pick([1, 0, Number.NaN]),
      });
    else if (kind < 0.58) {
      const lease = balancer.acquire({
        ...(random() < 0.5 && { key: `key-${Math.floor(random() * 40)}` }),
        ...(random() < 0.5 && { taskClass: `tool-${Math.floor(random() * 100)}` }),
        ...(random() < 0.2 && { tags: ["red"] }),
        ...(random() < 0.2 && { capabilities: ["text"] }),
        ...(random() < 0.2 && { prefers: ["image"] }),
        ...(random() < 0.2 && { exclude: [id] }),
        ...(random() < 0.3 && { cost: pick([0.1, 1, 50, Number.NaN, -1]) }),
      });
      if (lease !== undefined) open.push(lease);
    } else open.splice(Math.floor(random() * open.length), 1)[0]?.release(pick(outcomes), pick(latencies));
    if (open.length > 60) open.shift()?.release("cancelled");
  }
  for (const lease of open) lease.release("success", 5);
  for (const id of known) balancer.remove(id);
  return { balancer, faults };
}

/** Adds fresh endpoints to a balancer that has seen everything, and says which of them get nothing. */
function starving(balancer: Balancer, random: () => number): string[] {
  const served = new Map<string, number>();
  for (let index = 0; index < 4; index++) {
    balancer.add({ id: `fresh-${index}` });
    served.set(`fresh-${index}`, 0);
  }
  const open: Lease[] = [];
  for (let request = 0; request < 4_000; request++) {
    const lease = balancer.acquire({ key: `key-${Math.floor(random() * 1e6)}` });
    if (lease === undefined) continue;
    served.set(lease.endpointId, (served.get(lease.endpointId) ?? 0) + 1);
    open.push(lease);
    if (open.length > 8) open.shift()?.release("success", 10 + 5 * random());
  }
  // Equal endpoints: none may get less than a quarter of its fair share.
  return [...served].filter(([, count]) => count < 250).map(([id, count]) => `${id} got ${count} of 4000`);
}

/** Names a candidate, or nobody, whatever happens to the pool. */
export const picksCandidatesOnly: Check = {
  name: "picks only from the candidates and never throws while endpoints come and go",
  run(subject) {
    return churn(subject, 12_000, false).faults[0];
  },
};

/** Nonsense in, sense out. */
export const survivesNonsense: Check = {
  name: "survives latencies that are no numbers and a clock that jumps, and is fair to new endpoints afterwards",
  run(subject) {
    const { balancer, faults } = churn(subject, 12_000, true);
    if (faults[0] !== undefined) return faults[0];
    return starving(balancer, subject.random)[0];
  },
};

/** What was started and ended leaves no trace. */
export const forgetsWhatEnded: Check = {
  name: "keeps no count of leases that ended, in whatever order and with whatever outcome",
  run(subject) {
    const { random } = subject;
    let now = 0;
    const balancer = createBalancer({
      strategy: subject.factory,
      strategyOptions: subject.options,
      strategyStallMs: Number.POSITIVE_INFINITY,
      outlierEjection: false,
      clock: { now: () => now, sleep: () => Promise.resolve() },
      random,
    });
    balancer.add({ id: "busy" });
    const leases: Lease[] = [];
    for (let count = 0; count < 500; count++) {
      const lease = balancer.acquire({
        key: `key-${count}`,
        taskClass: `tool-${count % 7}`,
        cost: 1 + random(),
      });
      if (lease !== undefined) leases.push(lease);
    }
    leases.sort(() => random() - 0.5);
    for (const [index, lease] of leases.entries())
      lease.release(index % 10 === 0 ? "cancelled" : "success", 5 + 10 * random());
    now += 60_000;
    balancer.add({ id: "other" });
    let busy = 0;
    for (let request = 0; request < 1_000; request++) {
      now += 10;
      const lease = balancer.acquire({ key: `key-${request}` });
      if (lease?.endpointId === "busy") busy += 1;
      lease?.release("success", 5 + 10 * random());
    }
    return busy >= 300 && busy <= 700
      ? undefined
      : `an idle endpoint that had 500 leases got ${busy} of 1000 requests`;
  },
};
