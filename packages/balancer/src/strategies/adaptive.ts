// Learns online what serves the present traffic. A contextual model of latency (leases in flight, the endpoint, the
// kind of work, whether the endpoint knows the request's key) decides which of these matter: those that do not stand
// out from the noise leave plain least-connections. Near-ties go to the endpoint that is known least (optimism in the
// face of uncertainty, as in LinUCB), and a control group keeps the whole from doing worse than its fallback.
// Bandits that choose by themselves, without the in-flight count as context, herd: their p99 was 400 times worse.
import { STRATEGY_API, type Strategy, type StrategyHost } from "../contract.ts";
import { leastConnections } from "./least-connections.ts";
import { createControlGroup } from "./support/control-group.ts";
import { createForecast, type ForecastOptions, forecastDefaults } from "./support/forecast.ts";
import { createKeyMemory } from "./support/key-memory.ts";
import { createLeastBy } from "./support/least-by.ts";
import { inRange, optionsOf } from "./support/options.ts";
import { createSlotArray } from "./support/slot-array.ts";

/** Options of {@link adaptive}. */
export interface AdaptiveOptions extends ForecastOptions {
  /** One request in this many goes where least-connections sends it; 10–10,000. @defaultValue 200 */
  readonly controlOneIn?: number;
  /**
   * When its own requests take longer than those by more than this ratio, in the geometric mean and beyond chance,
   * least-connections takes over for a while; 1–10.
   *
   * @defaultValue 1.25
   */
  readonly margin?: number;
  /** How much cheaper an endpoint of which nothing is known is made to look, 0–0.5. @defaultValue 0.05 */
  readonly optimism?: number;
}

const REMEMBERED_KEYS = 16_384;

/** The candidate that the learned model of latency favours; never much worse than least-connections. */
export function adaptive(options: AdaptiveOptions | undefined, host: StrategyHost): Strategy {
  const merged = optionsOf("adaptive", options, {
    ...forecastDefaults,
    controlOneIn: 200,
    margin: 1.25,
    optimism: 0.05,
  });
  const { controlOneIn, margin, optimism } = merged;
  inRange("controlOneIn", controlOneIn, 10, 10_000);
  inRange("margin", margin, 1, 10);
  inRange("optimism", optimism, 0, 0.5);
  const forecast = createForecast(merged, host);
  const fallback = host.child(leastConnections);
  const control = createControlGroup(controlOneIn, margin);
  const keys = createKeyMemory(REMEMBERED_KEYS);
  const leastBy = createLeastBy(cost);
  // What is remembered of a lease until it ends: nothing can be attached to it, so that this is keyed by the lease.
  const familiarLeases = new WeakSet<object>();
  const controlledLeases = new WeakSet<object>();
  const uses = createSlotArray();
  let familiarSlot = -1;
  let controlled = false;

  return {
    name: "adaptive",
    api: STRATEGY_API,
    needs: ["latency", "task-class", "key"],
    pick(candidates, request): number {
      familiarSlot = request.keyHash === 0 ? -1 : keys.slotOf(request.keyHash);
      if (forecast.prepare(candidates, request))
        for (let slot = 0; slot < uses.values.length; slot++)
          uses.values[slot] = (uses.values[slot] as number) * 0.9;
      controlled = control.next();
      return controlled ? fallback.pick(candidates, request) : leastBy(candidates);
    },
    onStart(dispatch): void {
      const { slot, keyHash } = dispatch;
      if (keyHash !== 0) {
        if (slot === familiarSlot) familiarLeases.add(dispatch);
        if (!controlled) keys.note(keyHash, slot);
      }
      if (controlled) controlledLeases.add(dispatch);
      uses.values[slot] = (uses.values[slot] as number) + 1;
      forecast.onStart(dispatch);
      fallback.onStart?.(dispatch);
    },
    onEnd(dispatch, outcome, latencyMs): void {
      forecast.onEnd(dispatch, outcome, latencyMs, dispatch.keyHash !== 0 && familiarLeases.has(dispatch));
      fallback.onEnd?.(dispatch, outcome, latencyMs);
      if (outcome !== "success" && outcome !== "app-error") return;
      const expected = dispatch.cost * forecast.model.classFactor(dispatch.taskClass);
      control.observe(controlledLeases.has(dispatch), latencyMs, expected);
    },
    onEndpoint(slot, change): void {
      if (change === "reset") {
        uses.reserve(slot);
        uses.values[slot] = 0;
        keys.forget(slot);
      }
      forecast.onEndpoint(slot, change);
      fallback.onEndpoint?.(slot, change);
    },
    explain(candidates, request, score): void {
      forecast.describe(request);
      familiarSlot = request.keyHash === 0 ? -1 : keys.slotOf(request.keyHash);
      for (let index = 0; index < candidates.count; index++) {
        const slot = candidates.slots[index] as number;
        score(slot, cost(slot));
      }
    },
    snapshot: () => ({
      suspended: control.suspended,
      suspensions: control.suspensions,
      familiarFactor: forecast.model.familiarFactor,
    }),
  };

  function cost(slot: number): number {
    const familiarity = slot === familiarSlot ? forecast.model.familiarFactor : 1;
    const unknown = 1 / Math.sqrt(1 + (uses.values[slot] as number));
    return forecast.cost(slot) * familiarity * (1 - optimism * unknown);
  }
}
