// What happens to the servers over time whatever the requests do: antagonists that come and go, and faults.
import type { Random } from "@fairlead/core";
import type { Fault, Scenario } from "./scenario.ts";
import type { Server } from "./server.ts";

export interface ServerTimeline {
  /** When something happens next. */
  nextMs: number;
  /** Does what is due and returns the jobs that were lost. */
  advance(nowMs: number): readonly number[];
  /** `true` while the server answers every request with an error at once. */
  failsFast(server: number): boolean;
  /** Factor on the server's speed. */
  factor(server: number): number;
}

const COLD_SPEED_FACTOR = 0.2;

/** Creates the timeline of `scenario` for `servers`; `random` draws the antagonists' phases. */
export function createServerTimeline(
  scenario: Scenario,
  servers: readonly Server[],
  random: Random,
): ServerTimeline {
  const { antagonist, faults = [] } = scenario;
  const phasesMs = servers.map(() =>
    antagonist === undefined ? 0 : random() * (antagonist.onMs + antagonist.offMs),
  );
  const failing = servers.map(() => false);
  const factors = servers.map(() => 1);
  const timeline = {
    nextMs: 0,
    advance,
    failsFast: (server: number): boolean => failing[server] === true,
    factor: (server: number): number => factors[server] ?? 1,
  };
  timeline.advance(0);
  return timeline;

  function advance(nowMs: number): number[] {
    const lost: number[] = [];
    timeline.nextMs = Number.POSITIVE_INFINITY;
    for (const [index, server] of servers.entries()) {
      let factor = antagonistFactor(index, nowMs);
      let fails = false;
      for (const fault of faults) {
        if (fault.server !== index) continue;
        for (const at of [fault.fromMs, fault.toMs, fault.toMs + (fault.coldStartMs ?? 0)])
          if (at > nowMs) timeline.nextMs = Math.min(timeline.nextMs, at);
        const phase = phaseOf(fault, nowMs);
        if (phase === "cold") factor *= COLD_SPEED_FACTOR;
        if (phase !== "active") continue;
        if (fault.kind === "hang") factor = 0;
        else fails = true;
        if (fault.kind === "crash" && failing[index] !== true) lost.push(...server.dropAll(nowMs));
      }
      failing[index] = fails;
      if (factors[index] !== factor) server.setSpeedFactor(factor, nowMs);
      factors[index] = factor;
    }
    return lost;
  }

  function antagonistFactor(server: number, nowMs: number): number {
    if (antagonist === undefined) return 1;
    const { onMs, offMs, speedFactor } = antagonist;
    const cycleMs = onMs + offMs;
    const inCycle = (nowMs + (phasesMs[server] as number)) % cycleMs;
    const on = inCycle < onMs;
    // A whisker later, so that rounding never lands before the change.
    timeline.nextMs = Math.min(timeline.nextMs, nowMs + (on ? onMs : cycleMs) - inCycle + 1e-6);
    return on ? speedFactor : 1;
  }
}

function phaseOf(fault: Fault, nowMs: number): "before" | "active" | "cold" | "after" {
  if (nowMs < fault.fromMs) return "before";
  if (nowMs < fault.toMs) return "active";
  return nowMs < fault.toMs + (fault.coldStartMs ?? 0) ? "cold" : "after";
}
