// Options of a balancer, checked once.
import type { Clock, Random } from "@fairlead/core";
import type { StrategyFactory } from "./contract.ts";
import type { BalancerEvent } from "./events.ts";
import type { OutlierEjectionOptions } from "./outlier-ejection.ts";
import type { SlowStartOptions } from "./slow-start.ts";
import type { QueueOptions } from "./wait-queue.ts";

/** Options of {@link createBalancer}. */
export interface BalancerOptions {
  /** A built-in strategy's name, or a factory. @defaultValue `"shortest-expected-delay"` */
  readonly strategy?: string | StrategyFactory<never>;
  /** Passed to the strategy's factory, which validates them. */
  readonly strategyOptions?: unknown;
  /** @defaultValue the system's monotonic clock */
  readonly clock?: Clock;
  /** Uniform in [0, 1). @defaultValue `Math.random` */
  readonly random?: Random;
  /** Passive health; `false` switches it off. */
  readonly outlierEjection?: OutlierEjectionOptions | false;
  /** Ramp for new and returning endpoints. */
  readonly slowStart?: SlowStartOptions;
  /**
   * When a smaller share (0–1) of a level's endpoints serves, its ejected ones are used all the same: if
   * everything fails, the fault is elsewhere. Endpoints that the owner called unhealthy stay out.
   *
   * @defaultValue 0.5
   */
  readonly panicThresholdRatio?: number;
  /**
   * A level keeps all traffic while its serving share times this factor is at least 1, and hands the missing part
   * to the next level; ≥ 1, and `Infinity` keeps everything as long as one endpoint serves.
   *
   * @defaultValue 1.4
   */
  readonly overprovisioningFactor?: number;
  /** The queue behind {@link Balancer.wait}. */
  readonly queue?: QueueOptions;
  /**
   * A lease that is out for longer, in ms, is taken back and reported as leaked; `Infinity` switches the
   * detection, and one clock read per lease, off.
   *
   * @defaultValue Infinity
   */
  readonly maxLeaseMs?: number;
  /** A pick of a contributed strategy that takes longer, in ms, is a fault; `Infinity` switches the check off. @defaultValue 1 */
  readonly strategyStallMs?: number;
  /** Faults after which the strategy is replaced by least-connections for good; an integer ≥ 1. @defaultValue 3 */
  readonly strategyMaxStrikes?: number;
  /** Called synchronously for every event; must neither throw nor call the balancer. */
  readonly onEvent?: (event: BalancerEvent) => void;
}

/** @throws RangeError naming the option and its value */
export function validateBalancerOptions(options: BalancerOptions): void {
  const { panicThresholdRatio = 0.5, overprovisioningFactor = 1.4, maxLeaseMs = 1 } = options;
  const { strategyStallMs = 1, strategyMaxStrikes = 3 } = options;
  if (!(panicThresholdRatio >= 0 && panicThresholdRatio <= 1))
    throw new RangeError(`panicThresholdRatio must be from 0 to 1, got ${panicThresholdRatio}`);
  if (!(overprovisioningFactor >= 1))
    throw new RangeError(`overprovisioningFactor must be >= 1, got ${overprovisioningFactor}`);
  if (!(maxLeaseMs > 0)) throw new RangeError(`maxLeaseMs must be > 0, got ${maxLeaseMs}`);
  if (!(strategyStallMs > 0)) throw new RangeError(`strategyStallMs must be > 0, got ${strategyStallMs}`);
  if (!(Number.isInteger(strategyMaxStrikes) && strategyMaxStrikes >= 1))
    throw new RangeError(`strategyMaxStrikes must be an integer >= 1, got ${strategyMaxStrikes}`);
}
