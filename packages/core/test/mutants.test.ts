// Proof that the models can fail: each mutant is this package with one rule broken in its source text, and the model of
// that rule must object to it.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkAdmission, checkAdmissionBounds } from "./models/admission.ts";
import { checkBreaker } from "./models/breaker.ts";
import { checkBudget } from "./models/budget.ts";
import { checkLimiter, checkLimiterQueue } from "./models/limiter.ts";

/** The same for every run: whether a mutant is found must not depend on chance. */
const seed = 20_261_120;

type Package = typeof import("../src/index.ts");

interface Mutant {
  readonly rule: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const breaker = (copy: Package): void => checkBreaker(copy.createCircuitBreaker, seed);
const budget = (copy: Package): void => checkBudget(copy.createRetryBudget, seed);
const limiter = (copy: Package): void => checkLimiter(copy.createRateLimiter, seed);
const limiterQueue = (copy: Package): Promise<void> => checkLimiterQueue(copy.createRateLimiter, seed);
const admission = (copy: Package): Promise<void> => checkAdmission(copy.createBulkhead, seed);
const bounds = (copy: Package): Promise<void> => checkAdmissionBounds(copy.createBulkhead, seed);

const mutants: readonly (Mutant & { readonly check: (copy: Package) => void | Promise<void> })[] = [
  {
    rule: "trips one failure late",
    file: "circuit-breaker.ts",
    find: "if (this.#consecutiveFailures < failureThreshold) return false;",
    replace: "if (this.#consecutiveFailures <= failureThreshold) return false;",
    check: breaker,
  },
  {
    rule: "does not start anew after a success",
    file: "circuit-breaker.ts",
    find: "if (!failed) this.#consecutiveFailures = 0;",
    replace: "",
    check: breaker,
  },
  {
    rule: "counts failures however old they are",
    file: "circuit-breaker.ts",
    find: "return now - oldest <= monitoringWindowMs;",
    replace: "return true;",
    check: breaker,
  },
  {
    rule: "counts results of an earlier generation",
    file: "circuit-breaker.ts",
    find: "if (permit !== this.#generation) return;",
    replace: "",
    check: breaker,
  },
  {
    rule: "keeps the generation over a state change",
    file: "circuit-breaker.ts",
    find: "this.#generation += 1;",
    replace: "",
    check: breaker,
  },
  {
    rule: "lets one probe too many through",
    file: "circuit-breaker.ts",
    find: "this.#inFlight >= halfOpenMaxCalls ||",
    replace: "this.#inFlight > halfOpenMaxCalls ||",
    check: breaker,
  },
  {
    rule: "closes after the first successful probe",
    file: "circuit-breaker.ts",
    find: "if (this.#successes >= successThreshold)",
    replace: "if (this.#successes >= 1)",
    check: breaker,
  },
  {
    rule: "counts an ignored probe as a failed one",
    file: "circuit-breaker.ts",
    find: 'if (outcome === "ignored") return;',
    replace: "",
    check: breaker,
  },
  {
    rule: "never gives up lost probes",
    file: "circuit-breaker.ts",
    find: '>= halfOpenTimeoutMs) this.#change("half-open", "probes-lost");',
    replace: '=== -1) this.#change("half-open", "probes-lost");',
    check: breaker,
  },
  {
    rule: "lets extra attempts go unpaid",
    file: "retry-budget.ts",
    find: "byCalls = Math.max(0, byCalls - 1);",
    replace: "",
    check: budget,
  },
  {
    rule: "counts calls twice",
    file: "retry-budget.ts",
    find: "calls = 0;\n    settledAt = now;",
    replace: "settledAt = now;",
    check: budget,
  },
  {
    rule: "pays the floor on top of the ratio",
    file: "retry-budget.ts",
    find: "byTime = Math.max(0, byTime - 1);",
    replace: "",
    check: budget,
  },
  {
    rule: "saves without bound",
    file: "retry-budget.ts",
    find: "Math.min(maxTokens, byCalls + ratio * calls)",
    replace: "byCalls + ratio * calls",
    check: budget,
  },
  {
    rule: "lets one call more through than the burst",
    file: "gcra.ts",
    find: "(weight - rate.burst) * rate.intervalMs",
    replace: "(weight - rate.burst - 1) * rate.intervalMs",
    check: limiter,
  },
  {
    rule: "forgets what was spent before",
    file: "gcra.ts",
    find: "return Math.max(fullAt, now) + weight * rate.intervalMs;",
    replace: "return now + weight * rate.intervalMs;",
    check: limiter,
  },
  {
    rule: "lets newcomers overtake the queue",
    file: "rate-limiter.ts",
    find: "queue.size > 0 ||",
    replace: "",
    check: limiterQueue,
  },
  {
    rule: "does not charge those who waited",
    file: "rate-limit-queue.ts",
    find: "bucket.fullAt = spend(rate, bucket.fullAt, now, waiter.weight);",
    replace: "",
    check: limiterQueue,
  },
  {
    rule: "takes a slot back twice",
    file: "bulkhead.ts",
    find: "if (!held) return;",
    replace: "",
    check: admission,
  },
  {
    rule: "runs one call more than the limit",
    file: "bulkhead.ts",
    find: "queue.size === 0 && inFlight < currentLimit()",
    replace: "queue.size === 0 && inFlight <= currentLimit()",
    check: bounds,
  },
  {
    rule: "lets one call more wait than may",
    file: "bulkhead.ts",
    find: "if (queue.size >= maxQueue) {",
    replace: "if (queue.size > maxQueue) {",
    check: bounds,
  },
  {
    rule: "forgets those who wait when a slot becomes free",
    file: "bulkhead.ts",
    find: "if (queue.size > 0) admit();",
    replace: "",
    check: bounds,
  },
  {
    rule: "lets waiting make no call more urgent",
    file: "fair-queue.ts",
    find: "rank - Math.floor((now - item.queuedAt) / ageingMs)",
    replace: "rank + 0 * (now + ageingMs)",
    check: admission,
  },
  {
    rule: "lets a key keep its turn for ever",
    file: "fair-queue.ts",
    find: "turn.deficit -= 1;",
    replace: "",
    check: admission,
  },
  {
    rule: "gives every key the same share",
    file: "fair-queue.ts",
    find: "turn.deficit += turn.weight;",
    replace: "turn.deficit += 1;",
    check: admission,
  },
  {
    rule: "serves the least urgent first",
    file: "fair-queue.ts",
    find: "aged < bestRank ||",
    replace: "aged > best.rank ||",
    check: admission,
  },
];

const source = fileURLToPath(new URL("../src", import.meta.url));
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mutants-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function load(name: string, mutant?: Mutant): Promise<Package> {
  const copy = join(directory, name);
  cpSync(source, copy, { recursive: true });
  if (mutant !== undefined) {
    const file = join(copy, mutant.file);
    const text = readFileSync(file, "utf8");
    expect(text.split(mutant.find), `"${mutant.find}" stands once in ${mutant.file}`).toHaveLength(2);
    writeFileSync(file, text.replace(mutant.find, mutant.replace));
  }
  return import(/* @vite-ignore */ pathToFileURL(join(copy, "index.ts")).href);
}

describe("the models object to a copy that", () => {
  it.each(mutants.map((mutant, index) => ({ ...mutant, index })))(
    "$rule",
    async ({ check, index, ...mutant }) => {
      const copy = await load(`mutant-${index}`, mutant);
      await expect((async () => check(copy))()).rejects.toThrow("Property failed");
    },
  );
});

describe("the models have no objection", () => {
  it("to an unchanged copy", async () => {
    const copy = await load("unchanged");
    for (const check of [breaker, budget, limiter]) check(copy);
    for (const check of [limiterQueue, admission, bounds]) await check(copy);
  });
});
