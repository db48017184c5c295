// Preloaded into a server (`node --import ./bench/probe.ts …`): notes when the event loop of its main thread stood still,
// and by what. At exit it writes what it has to the file that FAIRLEAD_PROBE names; FAIRLEAD_PROBE_PROFILE=1 adds stacks.
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector";
import {
  constants,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";

/** A time in which the loop did not turn; all times in milliseconds, `at` on the machine's monotonic clock. */
export interface Gap {
  readonly at: number;
  /** Longer than the timer that found it had to wait. */
  readonly ms: number;
  /** Of it, the thread computed (garbage collection on this thread included). */
  readonly cpuMs: number;
  /** Of it, the thread could have run and had no core. */
  readonly waitedForCoreMs: number;
  readonly gc: readonly { readonly kind: string; readonly ms: number }[];
  /** Functions on the stack while it lasted, with their milliseconds, most first; only with a profile. */
  readonly stack?: readonly string[];
}

export interface ProbeReport {
  readonly gaps: readonly Gap[];
  /** The second opinion: `monitorEventLoopDelay`, which counts the resolution of its timer (1 ms) in. */
  readonly monitorMaxMs: number;
  readonly monitorP99Ms: number;
  readonly gcCount: Readonly<Record<string, number>>;
  readonly gcMaxMs: Readonly<Record<string, number>>;
}

const PERIOD_MS = 1;
const NOTED_MS = 3;
const SAMPLED_US = 500;
const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weak callbacks",
};

const path = process.env["FAIRLEAD_PROBE"];
if (path !== undefined && isMainThread) start(path);

function start(file: string): void {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  const monitor = monitorEventLoopDelay({ resolution: PERIOD_MS });
  monitor.enable();
  const collections: { kind: string; from: number; ms: number }[] = [];
  const noteCollections = (entries: readonly PerformanceEntry[]): void => {
    for (const entry of entries) {
      const { kind = 0 } = (entry as { readonly detail?: { readonly kind?: number } }).detail ?? {};
      collections.push({ kind: KINDS[kind] ?? "other", from: entry.startTime + offset, ms: entry.duration });
    }
  };
  const observer = new PerformanceObserver((list) => noteCollections(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  const profiler = process.env["FAIRLEAD_PROBE_PROFILE"] === "1" ? startProfiler() : undefined;

  const gaps: Gap[] = [];
  const queue = runQueue();
  let last = { at: performance.now(), cpu: cpuMs(), waited: queue.waitedMs() };
  const look = (): void => {
    const now = { at: performance.now(), cpu: cpuMs(), waited: queue.waitedMs() };
    const ms = now.at - last.at - PERIOD_MS;
    if (ms > NOTED_MS)
      gaps.push({
        ...{ at: last.at + offset, ms, cpuMs: now.cpu - last.cpu },
        ...{ waitedForCoreMs: now.waited - last.waited, gc: [] },
      });
    last = now;
  };
  setInterval(look, PERIOD_MS).unref();

  process.on("exit", () => {
    look();
    noteCollections(observer.takeRecords());
    const samples = profiler?.();
    queue.close();
    const largest = (kind: string): number =>
      Math.max(...collections.filter((one) => one.kind === kind).map(({ ms }) => ms));
    const kinds = [...new Set(collections.map(({ kind }) => kind))];
    const report: ProbeReport = {
      gaps: gaps.map((gap) => ({
        ...gap,
        gc: collections
          .filter(({ from, ms }) => from < gap.at + gap.ms + PERIOD_MS && from + ms > gap.at)
          .map(({ kind, ms }) => ({ kind, ms })),
        ...(samples === undefined ? {} : { stack: stackOf(samples, gap) }),
      })),
      monitorMaxMs: monitor.max / 1e6,
      monitorP99Ms: monitor.percentile(99) / 1e6,
      gcCount: Object.fromEntries(
        kinds.map((kind) => [kind, collections.filter((one) => one.kind === kind).length]),
      ),
      gcMaxMs: Object.fromEntries(kinds.map((kind) => [kind, largest(kind)])),
    };
    writeFileSync(file, JSON.stringify(report));
  });
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** How long the thread has waited for a core, as Linux counts it; elsewhere it is not known, and said to be nothing. */
function runQueue(): { waitedMs(): number; close(): void } {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, "r");
    const bytes = Buffer.alloc(128);
    return {
      waitedMs: () =>
        Number(bytes.toString("latin1", 0, readSync(file, bytes, 0, 128, 0)).split(" ")[1]) / 1e6,
      close: () => closeSync(file),
    };
  } catch {
    return { waitedMs: () => 0, close: () => {} };
  }
}

interface Sample {
  readonly at: number;
  readonly ms: number;
  readonly functions: ReadonlySet<string>;
}

function startProfiler(): () => readonly Sample[] {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLED_US });
  session.post("Profiler.start");
  return () => {
    let samples: readonly Sample[] = [];
    // On the thread's own session the answer comes before `post` returns.
    session.post("Profiler.stop", (_error, { profile }) => {
      samples = samplesOf(profile);
    });
    return samples;
  };
}

function samplesOf({ nodes, samples = [], timeDeltas = [], startTime }: Profiler.Profile): readonly Sample[] {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}:${lineNumber + 1}`,
    ]),
  );
  const functions = new Map<number, ReadonlySet<string>>();
  const functionsOf = (leaf: number): ReadonlySet<string> => {
    let known = functions.get(leaf);
    if (known === undefined) {
      const found = new Set<string>();
      for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id))
        found.add(names.get(id) ?? "");
      functions.set(leaf, found);
      known = found;
    }
    return known;
  };
  let at = startTime;
  return samples.map((leaf, index) => {
    at += timeDeltas[index] ?? 0;
    return { at: at / 1_000, ms: (timeDeltas[index + 1] ?? 0) / 1_000, functions: functionsOf(leaf) };
  });
}

function stackOf(samples: readonly Sample[], { at, ms }: Gap): readonly string[] {
  const times = new Map<string, number>();
  for (const sample of samples)
    if (sample.at >= at && sample.at <= at + ms + PERIOD_MS)
      for (const name of sample.functions) times.set(name, (times.get(name) ?? 0) + sample.ms);
  return [...times]
    .filter(([name, spent]) => spent >= 1 && !name.startsWith("(root)"))
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 25)
    .map(([name, spent]) => `${spent.toFixed(1)} ${name}`);
}
