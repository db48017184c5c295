// Checks of what a pick costs.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createBalancer } from "../balancer.ts";
import type { Lease } from "../lease.ts";
import type { Check, Subject } from "./check.ts";

/** A balancer with 64 endpoints and a function that ends one request and starts another on it. */
function createTraffic({ factory, options, random }: Subject): () => void {
  const balancer = createBalancer({
    strategy: factory,
    strategyOptions: options,
    strategyStallMs: Number.POSITIVE_INFINITY,
    random,
  });
  for (let index = 0; index < 64; index++) balancer.add({ id: `endpoint-${index}` });
  const requests = Array.from({ length: 997 }, (_, index) => ({
    key: `key-${index}`,
    taskClass: `tool-${index % 20}`,
  }));
  const ring = new Array<Lease | undefined>(128).fill(undefined);
  let turn = 0;
  return () => {
    turn += 1;
    ring[turn & 127]?.release("success", 5 + (turn & 63));
    ring[turn & 127] = balancer.acquire(requests[turn % 997]);
  };
}

const MEASURED_PICKS = 100_000;

/** Memory must not grow with traffic. */
export const doesNotLeak: Check = {
  name: "does not hold on to memory: its heap stops growing",
  run(subject) {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const step = createTraffic(subject);
    for (let count = 0; count < 20_000; count++) step();
    let least = Number.POSITIVE_INFINITY;
    // The least of several, as other things in the process allocate too.
    for (let attempt = 0; attempt < 3; attempt++) {
      collect();
      const before = process.memoryUsage().heapUsed;
      for (let count = 0; count < MEASURED_PICKS; count++) step();
      collect();
      least = Math.min(least, (process.memoryUsage().heapUsed - before) / MEASURED_PICKS);
      if (least <= 1) return undefined;
    }
    return `the heap grew by ${least.toFixed(1)} bytes per pick`;
  },
};

/** The budget is per acquire and release of the whole balancer with 64 endpoints. */
export function staysWithinBudget(budgetNs: number): Check {
  return {
    name: `picks and learns within ${budgetNs} ns at 64 endpoints`,
    run(subject) {
      const step = createTraffic(subject);
      let leastNs = Number.POSITIVE_INFINITY;
      // The least of many batches: whatever else the machine does only adds.
      for (let batch = 0; batch < 40; batch++) {
        const startedAt = process.hrtime.bigint();
        for (let count = 0; count < 5_000; count++) step();
        leastNs = Math.min(leastNs, Number(process.hrtime.bigint() - startedAt) / 5_000);
      }
      return leastNs <= budgetNs ? undefined : `it took ${leastNs.toFixed(0)} ns`;
    },
  };
}
