// Cost of a guarded call, of a refusal and of a breaker, beside cockatiel 4 and opossum 10 in the same process. Prints
// Markdown. Times depend on the machine and its load; the ratios are what counts.
import { cpus } from "node:os";
import {
  ConsecutiveBreaker,
  circuitBreaker,
  retry as cockatielRetry,
  timeout as cockatielTimeout,
  ExponentialBackoff,
  handleAll,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import OpossumBreaker from "opossum";
import {
  createAbortScope,
  createCircuitBreaker,
  createKeyedRateLimiter,
  createRateLimiter,
  createRetryBudget,
  mcpCall,
  pipeline,
} from "../src/index.ts";
import { breakerAlone, bundle, pipelineAlone, whole } from "../test/bundle.ts";
import { bytesEach, nanosecondsPerCall, nanosecondsPerSyncCall } from "./measure.ts";

const action = async (): Promise<number> => 1;
const failing = async (): Promise<never> => {
  throw new Error("down");
};

console.log(`Node ${process.version}, ${cpus()[0]?.model}, ${cpus().length} cores\n`);

// First, while the heap is small and still.
await memory();
await successes();
await refusals();
await synchronous();
await sizes();
process.exit(0);

async function successes(): Promise<void> {
  const { signal } = new AbortController();
  const ours = pipeline({ retry: {}, breaker: createCircuitBreaker(), attemptTimeoutMs: 10_000 });
  const everything = pipeline({
    timeoutMs: 30_000,
    retry: {},
    budget: createRetryBudget(),
    breaker: createCircuitBreaker(),
    attemptTimeoutMs: 10_000,
  });
  const preset = pipeline(mcpCall());
  const breaker = createCircuitBreaker();
  const peerBreaker = circuitBreaker(handleAll, {
    halfOpenAfter: 60_000,
    breaker: new ConsecutiveBreaker(5),
  });
  const peer = (strategy: TimeoutStrategy) =>
    wrap(
      cockatielRetry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
      circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) }),
      cockatielTimeout(10_000, strategy),
    );
  const cooperative = peer(TimeoutStrategy.Cooperative);
  const aggressive = peer(TimeoutStrategy.Aggressive);
  const untimed = new OpossumBreaker(action, { timeout: false });
  const timed = new OpossumBreaker(action);

  const base = "await of an async function";
  const reference = "cockatiel 4: wrap(retry, breaker, timeout), aggressive";
  const times = await nanosecondsPerCall({
    [base]: action,
    "fairlead: breaker.execute": () => breaker.execute(action),
    "fairlead: breaker + retry + attempt timeout": () => ours.execute(action),
    "fairlead: the same + deadline + retry budget": () => everything.execute(action),
    "fairlead: the same with the caller's signal": () => everything.execute(action, { signal }),
    "fairlead: the same with the caller's abort scope": () =>
      everything.execute(action, { signal: createAbortScope() }),
    "fairlead: preset for MCP calls (with a bulkhead)": () => preset.execute(action),
    "cockatiel 4: breaker": () => peerBreaker.execute(action),
    "cockatiel 4: wrap(retry, breaker, timeout), cooperative": () => cooperative.execute(action),
    [reference]: () => aggressive.execute(action),
    "opossum 10: breaker without timeout": () => untimed.fire(),
    "opossum 10: breaker with its default timeout": () => timed.fire(),
  });
  untimed.shutdown();
  timed.shutdown();
  const baseNs = times.get(base) ?? 0;
  const peerNs = (times.get(reference) ?? 0) - baseNs;
  console.log(
    "| a call that succeeds | ns | over the bare await | share of cockatiel's wrap |\n|---|---|---|---|",
  );
  for (const [name, ns] of times)
    console.log(
      `| ${name} | ${ns.toFixed(0)} | ${(ns - baseNs).toFixed(0)} | ${share(ns - baseNs, peerNs)} |`,
    );
  console.log();
}

function share(ns: number, of: number): string {
  return ns <= 0 ? "" : `1/${(of / ns).toFixed(1)}`;
}

async function refusals(): Promise<void> {
  const ours = createCircuitBreaker({ failureThreshold: 1 });
  await ours.execute(failing).catch(() => {});
  const guarded = pipeline({ retry: {}, breaker: ours, attemptTimeoutMs: 10_000 });
  const peer = circuitBreaker(handleAll, { halfOpenAfter: 1e9, breaker: new ConsecutiveBreaker(1) });
  await peer.execute(failing).catch(() => {});
  const opossum = new OpossumBreaker(action, { resetTimeout: 1e9 });
  opossum.open();
  const caught = (call: () => Promise<unknown>) => async () => {
    try {
      await call();
    } catch {
      return;
    }
    throw new Error("was not refused");
  };
  const times = await nanosecondsPerCall({
    "fairlead: breaker.execute": caught(() => ours.execute(action)),
    "fairlead: pipeline with retry and timeout": caught(() => guarded.execute(action)),
    "cockatiel 4": caught(() => peer.execute(action)),
    "opossum 10": caught(() => opossum.fire()),
  });
  opossum.shutdown();
  console.log("| a call that an open breaker refuses, error caught | ns |\n|---|---|");
  for (const [name, ns] of times) console.log(`| ${name} | ${ns.toFixed(0)} |`);
  console.log();
}

async function synchronous(): Promise<void> {
  const closed = createCircuitBreaker();
  const open = createCircuitBreaker({ failureThreshold: 1 });
  await open.execute(failing).catch(() => {});
  const limiter = createRateLimiter({ ratePerSecond: 1e6, burst: 1e9 });
  const budget = createRetryBudget();
  console.log("| a synchronous question | ns |\n|---|---|");
  const rows: readonly (readonly [string, () => unknown])[] = [
    ["closed breaker: `tryAcquire` and `release`", () => closed.release(closed.tryAcquire(), "success")],
    ["open breaker: `tryAcquire` (reads the clock)", () => open.tryAcquire()],
    ["the clock alone: `performance.now()`", () => performance.now()],
    ["rate limiter: `tryAcquire` (reads the clock)", () => limiter.tryAcquire()],
    ["retry budget: `deposit`", () => budget.deposit()],
  ];
  for (const [name, call] of rows) console.log(`| ${name} | ${nanosecondsPerSyncCall(call).toFixed(1)} |`);
  console.log();
}

async function memory(): Promise<void> {
  const count = 20_000;
  const options = { failureThreshold: 5, resetTimeoutMs: 60_000 };
  const timersBefore = timers();
  console.log("| heap bytes each | bytes |\n|---|---|");
  const breaker = bytesEach(count, () => createCircuitBreaker(options));
  console.log(`| fairlead: breaker, options shared | ${breaker.toFixed(0)} |`);
  const named = bytesEach(count, (index) => createCircuitBreaker({ ...options, name: `endpoint-${index}` }));
  console.log(`| fairlead: breaker, options of its own | ${named.toFixed(0)} |`);
  console.log(`| fairlead: timers held by ${2 * count} breakers | ${timers() - timersBefore} |`);
  const peer = bytesEach(count, () =>
    circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) }),
  );
  console.log(`| cockatiel 4: breaker | ${peer.toFixed(0)} |`);
  const opossums: OpossumBreaker<[], number>[] = [];
  const opossum = bytesEach(2_000, () => {
    const each = new OpossumBreaker(action);
    opossums.push(each);
    return each;
  });
  for (const each of opossums) each.shutdown();
  console.log(`| opossum 10: breaker | ${opossum.toFixed(0)} |`);

  const keys = 100_000;
  const limiter = createKeyedRateLimiter({ maxKeys: keys });
  const entry = bytesEach(keys, (index) => limiter.tryAcquire(`client-${index}`));
  // The array that the measurement keeps its results in.
  console.log(`| fairlead: keyed rate limiter, per key of ${limiter.size} | ${entry.toFixed(0)} |`);
  const more = bytesEach(keys, (index) => limiter.tryAcquire(`other-${index}`));
  console.log(`| the same after ${keys} more keys (${limiter.size} are remembered) | ${more.toFixed(0)} |`);
  // Two seconds later every bucket is full again, and the eviction has run.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  console.log(`| keys that are remembered 2.5 s later | ${limiter.size} |\n`);
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

async function sizes(): Promise<void> {
  console.log("| bundle | minified | gzipped |\n|---|---|---|");
  for (const [name, code] of [
    ["whole package", whole],
    ["breaker alone", breakerAlone],
    ["breaker, retry, budget and pipeline", pipelineAlone],
  ] as const) {
    const { minifiedBytes, gzipBytes } = await bundle(code);
    console.log(
      `| ${name} | ${(minifiedBytes / 1_000).toFixed(1)} kB | ${(gzipBytes / 1_000).toFixed(1)} kB |`,
    );
  }
}
