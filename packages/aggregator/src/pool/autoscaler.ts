// Keeps an eye on upstreams whose number of replicas may change. Without any there is no timer.
import type { Clock, TimerWheel } from "@fairlead/core";
import type { UpstreamConfig } from "../config.ts";
import { isServing, type PoolMember } from "./member.ts";
import { createScaler, rangeOf, type Scaler } from "./scaler.ts";

export interface AutoscalerOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly replicasOf: (upstream: string) => readonly PoolMember[];
  readonly queue: () => { readonly queued: number; readonly waitedMs: number };
  readonly grow: (upstream: string, by: number) => void;
  readonly shrink: (member: PoolMember) => void;
  readonly onScaled: (upstream: string, from: number, to: number, reason: string) => void;
}

export interface Autoscaler {
  /** Follows an upstream's configuration from here on; one that has a fixed number of replicas is left alone. */
  watch(upstream: string, config: UpstreamConfig): void;
  forget(upstream: string): void;
  stop(): void;
}

const INTERVAL_MS = 100;

export function createAutoscaler(options: AutoscalerOptions): Autoscaler {
  const { clock, wheel, replicasOf, queue } = options;
  const scalers = new Map<string, Scaler>();
  let ticking = false;
  let stopped = false;

  return {
    watch(upstream, { replicas, maxConcurrency }) {
      scalers.delete(upstream);
      if (replicas === undefined) return;
      const range = rangeOf(replicas, maxConcurrency);
      if (range.max === range.min) return;
      scalers.set(upstream, createScaler(range));
      tickLater();
    },
    forget: (upstream) => void scalers.delete(upstream),
    stop() {
      stopped = true;
    },
  };

  function tickLater(): void {
    if (ticking || stopped) return;
    ticking = true;
    wheel.schedule(INTERVAL_MS, () => {
      ticking = false;
      if (scalers.size === 0 || stopped) return;
      for (const [upstream, scaler] of scalers) look(upstream, scaler);
      tickLater();
    });
  }

  function look(upstream: string, scaler: Scaler): void {
    const replicas = replicasOf(upstream);
    const active = replicas.filter(({ mode }) => mode === "active");
    // Whoever rests by an operator's word is not to be replaced behind the operator's back.
    if (active.length < replicas.length || active.length === 0) return;
    const { queued, waitedMs } = queue();
    const decision = scaler.decide({
      nowMs: clock.now(),
      replicas: replicas.length,
      serving: replicas.filter(isServing).length,
      starting: replicas.filter(({ replica: { state } }) => state.status === "starting").length,
      inFlight: replicas.reduce((sum, { inFlight }) => sum + inFlight, 0),
      queued,
      waitedMs,
    });
    if (decision === undefined) return;
    if (decision.replicas > replicas.length) options.grow(upstream, decision.replicas - replicas.length);
    else options.shrink(leastUseful(replicas));
    options.onScaled(upstream, replicas.length, decision.replicas, decision.reason);
  }
}

/** One that does not work, or has least to do; of equals the youngest. */
function leastUseful(replicas: readonly PoolMember[]): PoolMember {
  const useOf = (member: PoolMember): number => (isServing(member) ? member.inFlight : -1);
  return replicas.reduce((least, member) => (useOf(member) <= useOf(least) ? member : least));
}
