// Checks on simulated pools.
import { type Scenario, scenarios } from "../simulation/scenario.ts";
import { type SimulationResult, simulate } from "../simulation/simulate.ts";
import type { Check, Subject } from "./check.ts";

function scenario(name: string): Scenario {
  const found = scenarios.find((candidate) => candidate.name === name);
  if (found === undefined) throw new RangeError(`scenario must be a built-in one, got ${name}`);
  return found;
}

function run(subject: Subject, of: Scenario, load: number, requests: number, seed: number): SimulationResult {
  const balancer = {
    strategy: subject.factory,
    strategyOptions: subject.options,
    strategyStallMs: Number.POSITIVE_INFINITY,
  };
  return simulate({ scenario: of, load, requests, seed, balancer });
}

/** Same seed, same picks. */
export const isDeterministic: Check = {
  name: "makes the same picks for the same seed and requests",
  run(subject) {
    for (const name of ["speeds-1-2-4", "fast-fail", "prefix-sessions"]) {
      const [first, second] = [1, 2].map(() => run(subject, scenario(name), 0.7, 5_000, 3).pickHash);
      if (first !== second) return `${name}: the picks of two runs hash to ${first} and ${second}`;
    }
    return undefined;
  },
};

/** At this load and these sizes about 192 requests arrive per second. */
const FAULT_LOAD = 0.6;

/** A server that answers at once, and wrongly, must not attract traffic. */
export const avoidsBlackHoles: Check = {
  name: "gives at most 1 % of the requests to a server that fails at once, from 1 s on",
  run(subject) {
    const share = run(subject, scenario("fast-fail"), FAULT_LOAD, 9_000, 5).shareDuring(0, 21_000, 46_000);
    return share <= 0.01 ? undefined : `it got ${(100 * share).toFixed(2)} %`;
  },
};

/** Whoever recovers is used again. */
export const returnsToRecovered: Check = {
  name: "gives a recovered server at least 90 % of its fair share within 10 s",
  run(subject) {
    for (const name of ["fast-fail", "hang"]) {
      // Sizes that vary little, so that a share depends on the strategy and not on a few huge requests.
      const faulty: Scenario = { ...scenario(name), sizes: { kind: "exponential" } };
      const [fair, after] = [{ ...faulty, faults: [] }, faulty].map((of) =>
        run(subject, of, FAULT_LOAD, 20_000, 6).shareDuring(0, 60_000, 100_000),
      );
      // Without the fault it may have more than an equal share by chance, or by the hash of its name.
      if (
        fair === undefined ||
        after === undefined ||
        !(after >= 0.9 * Math.min(fair, 1 / faulty.servers.length))
      )
        return `${name}: its share is ${after}, and would be ${fair} without the fault`;
    }
    return undefined;
  },
};

const randomMeans = new Map<string, number>();

/** Doing nothing clever is the least that can be asked for. */
export const isNoWorseThanRandom: Check = {
  name: "is not worse than random, in mean response time, for equal, unequal and disturbed servers",
  run(subject) {
    for (const name of ["homogeneous", "speeds-1-2-4", "antagonist"])
      for (const load of [0.4, 0.9]) {
        const key = `${name} at ${load}`;
        const random =
          randomMeans.get(key) ??
          simulate({
            scenario: scenario(name),
            load,
            requests: 14_000,
            seed: 8,
            balancer: { strategy: "random" },
          }).meanMs;
        randomMeans.set(key, random);
        const own = run(subject, scenario(name), load, 14_000, 8).meanMs;
        // 10 % are within what two runs of random differ by.
        if (!(own <= 1.1 * random)) return `${key}: ${own.toFixed(0)} ms, random ${random.toFixed(0)} ms`;
      }
    return undefined;
  },
};
