// The breaker against a model that keeps everything it has seen and works out the rest from that.
import fc from "fast-check";
import type { createCircuitBreaker } from "../../src/circuit-breaker.ts";
import type { CircuitOutcome } from "../../src/circuit-state.ts";

interface Options {
  readonly failureThreshold: number;
  readonly monitoringWindowMs: number;
  readonly resetTimeoutMs: number;
  readonly halfOpenMaxCalls: number;
  readonly successThreshold: number;
}

/** One stretch between two state changes. A call belongs to the one in which it started. */
interface Era {
  readonly status: "closed" | "open" | "half-open";
  readonly since: number;
  readonly results: { readonly outcome: CircuitOutcome; readonly at: number }[];
  readonly started: number[];
}

type Command =
  | { readonly kind: "acquire" }
  | { readonly kind: "release"; readonly which: number; readonly outcome: CircuitOutcome }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "forceOpen" | "forceClose" | "reset" };

function createModel(options: Options): {
  status(now: number): Era["status"];
  acquire(now: number): Era | undefined;
  release(era: Era, outcome: CircuitOutcome, now: number): void;
  force(status: "closed" | "open", now: number): void;
} {
  let era: Era = begin("closed", 0);
  let forced = false;
  return {
    status(now) {
      pass(now);
      return era.status;
    },
    acquire(now) {
      pass(now);
      if (era.status === "open") return undefined;
      if (era.status === "half-open") {
        const counted = era.results.filter(({ outcome }) => outcome !== "ignored").length;
        const running = era.started.length - era.results.length;
        const most = Math.max(options.halfOpenMaxCalls, options.successThreshold);
        if (running >= options.halfOpenMaxCalls || counted + running >= most) return undefined;
      }
      era.started.push(now);
      return era;
    },
    release(of, outcome, now) {
      of.results.push({ outcome, at: now });
      if (of === era) judge(now);
    },
    force(status, now) {
      forced = status === "open";
      era = begin(status, now);
    },
  };

  function begin(status: Era["status"], since: number): Era {
    return { status, since, results: [], started: [] };
  }

  function pass(now: number): void {
    if (era.status === "open" && !forced && now - era.since >= options.resetTimeoutMs)
      era = begin("half-open", now);
    else if (era.status === "half-open" && era.started.length > era.results.length) {
      const last = era.started.at(-1) ?? now;
      if (now - last >= options.resetTimeoutMs) era = begin("half-open", now);
    }
  }

  function judge(now: number): void {
    const counted = era.results.filter(({ outcome }) => outcome !== "ignored");
    if (era.status === "half-open") {
      if (counted.at(-1)?.outcome === "failure") era = begin("open", now);
      else if (counted.length >= options.successThreshold) era = begin("closed", now);
    } else if (era.status === "closed") {
      const tail = counted.slice(-options.failureThreshold);
      const inARow =
        tail.length === options.failureThreshold && tail.every(({ outcome }) => outcome === "failure");
      const recent = now - (tail[0]?.at ?? now) <= options.monitoringWindowMs;
      if (inARow && recent) era = begin("open", now);
    }
  }
}

const options = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 4 }),
  monitoringWindowMs: fc.integer({ min: 20, max: 100 }),
  resetTimeoutMs: fc.integer({ min: 20, max: 50 }),
  halfOpenMaxCalls: fc.integer({ min: 1, max: 4 }),
  successThreshold: fc.integer({ min: 1, max: 4 }),
});

const outcome = fc.oneof(
  { weight: 4, arbitrary: fc.constant("failure" as const) },
  { weight: 3, arbitrary: fc.constant("success" as const) },
  { weight: 1, arbitrary: fc.constant("ignored" as const) },
);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 40, arbitrary: fc.constant({ kind: "acquire" as const }) },
  { weight: 40, arbitrary: fc.record({ kind: fc.constant("release" as const), which: fc.nat(20), outcome }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(30) }) },
  // The longest reset timeout: what is open becomes half-open.
  { weight: 10, arbitrary: fc.constant({ kind: "advance" as const, ms: 50 }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("forceOpen", "forceClose", "reset") }) },
);

/** Throws when the breaker that `create` makes does anything else than the model. */
export function checkBreaker(create: typeof createCircuitBreaker, seed: number): void {
  fc.assert(
    fc.property(
      options,
      fc.array(command, { minLength: 1, maxLength: 200, size: "max" }),
      (chosen, commands) => {
        let now = 0;
        const clock = { now: () => now, sleep: () => Promise.resolve() };
        const breaker = create({ ...chosen, clock });
        const model = createModel(chosen);
        const out: { readonly permit: number; readonly era: Era }[] = [];
        for (const step of commands) {
          if (step.kind === "advance") now += step.ms;
          else if (step.kind === "acquire") {
            const permit = breaker.tryAcquire();
            const era = model.acquire(now);
            if (permit > 0 !== (era !== undefined))
              throw new Error(`permit ${permit} against the model's ${era?.status}`);
            if (era !== undefined) out.push({ permit, era });
          } else if (step.kind === "release") {
            const [call] = out.splice(step.which % Math.max(1, out.length), 1);
            if (call === undefined) continue;
            breaker.release(call.permit, step.outcome);
            model.release(call.era, step.outcome, now);
          } else if (step.kind === "forceOpen") {
            breaker.forceOpen("test");
            model.force("open", now);
          } else {
            breaker[step.kind]();
            model.force("closed", now);
          }
          const { status } = breaker.state;
          const expected = model.status(now);
          if (status !== expected)
            throw new Error(`${status} against the model's ${expected} after ${step.kind}`);
        }
      },
    ),
    { seed, numRuns: 300 },
  );
}
