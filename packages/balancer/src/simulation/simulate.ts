// Discrete-event simulation of gateways in front of servers. The gateways run the real balancer and the real
// strategies on a virtual clock.
import type { Clock } from "@fairlead/core";
import { createSeededRandom } from "@fairlead/core/testing";
import { type Balancer, createBalancer } from "../balancer.ts";
import type { BalancerOptions } from "../balancer-options.ts";
import type { LeaseOutcome } from "../contract.ts";
import type { Lease } from "../lease.ts";
import type { Scenario } from "./scenario.ts";
import { createServer, type Server } from "./server.ts";
import { createServerTimeline } from "./server-timeline.ts";
import { createSessionCaches } from "./session-cache.ts";
import { percentile } from "./statistics.ts";
import { drawTrace } from "./trace.ts";

/** Options of {@link simulate}. */
export interface SimulationOptions {
  readonly scenario: Scenario;
  /** Share of the capacity that arrives as work, 0–1. */
  readonly load: number;
  /** Drawn before the run, the same for every strategy. */
  readonly requests: number;
  readonly seed: number;
  /**
   * The balancer of each gateway; `"central-queue"` is the bound: one queue, first come, first served, and the
   * fastest free slot.
   */
  readonly balancer: Omit<BalancerOptions, "clock" | "random"> | "central-queue";
  /** Tell the balancer the servers' true speeds as weights. @defaultValue false */
  readonly oracleWeights?: boolean;
  /** Share of requests at the start that is not counted, 0–1. @defaultValue 0.1 */
  readonly warmUpRatio?: number;
}

/** What came out. Times are response times (arrival to final answer) in ms. */
export interface SimulationResult {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Requests that failed after all attempts, 0–1. */
  readonly errorRatio: number;
  /** Attempts beyond one per request, relative to requests. */
  readonly extraAttempts: number;
  /** Requests answered per second, from the first arrival to the last answer. */
  readonly throughputPerSecond: number;
  /** Share of the attempts that each server got, 0–1, warm-up included. */
  readonly shares: readonly number[];
  /** Share of the attempts started in `[fromMs, toMs)` that `server` got. */
  readonly shareDuring: (server: number, fromMs: number, toMs: number) => number;
  /** FNV-1a over the sequence of picks: equal for equal decisions. */
  readonly pickHash: number;
}

const FAST_FAIL_MS = 1;

/** Runs one scenario with one strategy. Same options, same result. */
export function simulate(options: SimulationOptions): SimulationResult {
  const { scenario, load, requests, seed, warmUpRatio = 0.1 } = options;
  const { attemptTimeoutMs = Number.POSITIVE_INFINITY, retries = 0, gateways: gatewayCount = 1 } = scenario;
  const trace = drawTrace(scenario, load, requests, seed);
  const servers = scenario.servers.map(createServer);
  const timeline = createServerTimeline(scenario, servers, createSeededRandom(seed * 4 + 4));
  const caches = createSessionCaches(scenario);
  const central = options.balancer === "central-queue";
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: () => Promise.reject(new Error("virtual time does not wait")),
  };
  const gateways = central ? [] : Array.from({ length: gatewayCount }, (_, index) => createGateway(index));

  const responseMs = new Float64Array(requests).fill(Number.NaN);
  const leases: (Lease | undefined)[] = new Array<Lease | undefined>(requests).fill(undefined);
  const serverOf = new Int32Array(requests).fill(-1);
  const attemptOf = new Int32Array(requests);
  const triedIds = new Map<number, string[]>();
  // Both delays are constants, so that what was started first is due first: no heap needed.
  const timeouts = createDelayLine(attemptTimeoutMs);
  const fastFailures = createDelayLine(FAST_FAIL_MS);
  const centralQueue: number[] = [];
  let centralHead = 0;
  let arrived = 0;
  let finished = 0;
  let errors = 0;
  let attempts = 0;
  let pickHash = 0x811c9dc5;
  const startedAtMs: number[] = [];
  const startedOn: number[] = [];

  while (finished < requests) {
    let nextMs = arrived < requests ? (trace.arrivalMs[arrived] as number) : Number.POSITIVE_INFINITY;
    let due: "arrival" | "completion" | "timeline" | "timeout" | "fast-failure" = "arrival";
    let dueServer = -1;
    for (let index = 0; index < servers.length; index++) {
      const at = (servers[index] as Server).nextCompletionMs;
      if (at >= nextMs) continue;
      nextMs = at;
      due = "completion";
      dueServer = index;
    }
    if (timeline.nextMs < nextMs) {
      nextMs = timeline.nextMs;
      due = "timeline";
    }
    if (timeouts.nextMs() < nextMs) {
      nextMs = timeouts.nextMs();
      due = "timeout";
    }
    if (fastFailures.nextMs() < nextMs) {
      nextMs = fastFailures.nextMs();
      due = "fast-failure";
    }
    if (nextMs === Number.POSITIVE_INFINITY) break;
    now = nextMs;
    switch (due) {
      case "arrival":
        dispatch(arrived++);
        break;
      case "completion":
        complete(dueServer);
        break;
      case "timeline":
        for (const job of timeline.advance(now)) fail(job, "transport-error");
        break;
      case "timeout": {
        const { job, attempt } = timeouts.take();
        if (attemptOf[job] !== attempt || serverOf[job] === -1) break;
        servers[serverOf[job] as number]?.cancel(job, now);
        fail(job, "timeout");
        break;
      }
      case "fast-failure": {
        const { job, attempt } = fastFailures.take();
        if (attemptOf[job] === attempt && serverOf[job] !== -1) fail(job, "transport-error");
        break;
      }
    }
  }
  return summarize();

  function createGateway(index: number): Balancer {
    const balancer = createBalancer({
      ...(options.balancer as BalancerOptions),
      clock,
      random: createSeededRandom(seed * 1_009 + index),
    });
    for (const [server, { speed }] of scenario.servers.entries())
      balancer.add({ id: `${server}`, weight: options.oracleWeights === true ? speed : 1 });
    return balancer;
  }

  function dispatch(job: number): void {
    if (central) {
      const server = fastestFree();
      if (server === -1) centralQueue.push(job);
      else send(job, server);
      return;
    }
    const session = trace.session[job] as number;
    const taskClass = trace.taskClass[job] as number;
    const exclude = triedIds.get(job);
    const lease = gateways[trace.gateway[job] as number]?.acquire({
      ...(session >= 0 && { key: `session-${session}` }),
      ...(taskClass > 0 && { taskClass: `tool-${taskClass}` }),
      ...(exclude !== undefined && { exclude }),
    });
    if (lease === undefined) {
      finish(job, true);
      return;
    }
    leases[job] = lease;
    send(job, Number(lease.endpointId));
  }

  function fastestFree(): number {
    let best = -1;
    let bestSpeed = 0;
    for (let index = 0; index < servers.length; index++) {
      if (!servers[index]?.hasFreeSlot) continue;
      const speed = (scenario.servers[index]?.speed ?? 0) * timeline.factor(index);
      if (speed <= bestSpeed) continue;
      best = index;
      bestSpeed = speed;
    }
    return best;
  }

  function send(job: number, server: number): void {
    attempts += 1;
    pickHash = Math.imul(pickHash ^ server, 0x01000193);
    startedAtMs.push(now);
    startedOn.push(server);
    serverOf[job] = server;
    const attempt = (attemptOf[job] as number) + 1;
    attemptOf[job] = attempt;
    if (attemptTimeoutMs !== Number.POSITIVE_INFINITY) timeouts.add(now, job, attempt);
    if (timeline.failsFast(server)) fastFailures.add(now, job, attempt);
    else
      servers[server]?.accept(
        job,
        (trace.sizeMs[job] as number) * caches.workRatio(server, trace.session[job] as number),
        now,
      );
  }

  function complete(server: number): void {
    const job = servers[server]?.complete(now) ?? -1;
    leases[job]?.release("success");
    leases[job] = undefined;
    serverOf[job] = -1;
    finish(job, false);
    if (!central || centralHead >= centralQueue.length) return;
    // The fastest server may be one whose slot has been free, while it stood still, for longer.
    const free = fastestFree();
    if (free === -1) return;
    send(centralQueue[centralHead++] as number, free);
  }

  function fail(job: number, outcome: LeaseOutcome): void {
    const server = serverOf[job] as number;
    leases[job]?.release(outcome);
    leases[job] = undefined;
    serverOf[job] = -1;
    if ((attemptOf[job] as number) > retries) {
      finish(job, true);
      return;
    }
    const tried = triedIds.get(job) ?? [];
    tried.push(`${server}`);
    triedIds.set(job, tried);
    dispatch(job);
  }

  function finish(job: number, failed: boolean): void {
    finished += 1;
    triedIds.delete(job);
    if (failed) errors += 1;
    else responseMs[job] = now - (trace.arrivalMs[job] as number);
  }

  function summarize(): SimulationResult {
    const counted = responseMs.subarray(Math.floor(requests * warmUpRatio)).filter((ms) => !Number.isNaN(ms));
    let sum = 0;
    for (const ms of counted) sum += ms;
    counted.sort();
    const perServer = new Array<number>(servers.length).fill(0);
    for (const server of startedOn) perServer[server] = (perServer[server] ?? 0) + 1;
    return {
      meanMs: sum / counted.length,
      p50Ms: percentile(counted, 0.5),
      p95Ms: percentile(counted, 0.95),
      p99Ms: percentile(counted, 0.99),
      errorRatio: errors / requests,
      extraAttempts: attempts / requests - 1,
      throughputPerSecond: (requests - errors) / ((now - (trace.arrivalMs[0] ?? 0)) / 1_000),
      shares: perServer.map((count) => count / attempts),
      shareDuring(server, fromMs, toMs) {
        let all = 0;
        let own = 0;
        for (let index = 0; index < startedAtMs.length; index++) {
          const at = startedAtMs[index] as number;
          if (at < fromMs || at >= toMs) continue;
          all += 1;
          if (startedOn[index] === server) own += 1;
        }
        return own / all;
      },
      pickHash: pickHash >>> 0,
    };
  }
}

interface DelayLine {
  nextMs(): number;
  add(nowMs: number, job: number, attempt: number): void;
  take(): { readonly job: number; readonly attempt: number };
}

/** Things that become due a fixed time after they were added. */
function createDelayLine(delayMs: number): DelayLine {
  let entries: { readonly atMs: number; readonly job: number; readonly attempt: number }[] = [];
  let head = 0;
  return {
    nextMs: () => entries[head]?.atMs ?? Number.POSITIVE_INFINITY,
    add(nowMs, job, attempt) {
      entries.push({ atMs: nowMs + delayMs, job, attempt });
    },
    take() {
      const entry = entries[head++];
      if (entry === undefined) throw new RangeError("take must be called when something is due, got nothing");
      if (head > 4_096) {
        entries = entries.slice(head);
        head = 0;
      }
      return entry;
    },
  };
}
