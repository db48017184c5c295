// Attempt timeouts by what is asked (a simple or a complex request) and, once enough is known, by how long such requests
// take. A learned limit stays between its bounds and forgets what is old, so that neither an outlier nor a bad hour stays.

import type { CallContext } from "./call-context.ts";
import type { TimeoutSource } from "./call-plan.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createLatencyQuantile, type LatencyQuantile } from "./latency-quantile.ts";
import { integerBetween, numberBetween, positiveMs } from "./validate.ts";

/** The two classes of requests that have a limit each. */
export type Complexity = "simple" | "complex";

/** How limits follow the durations seen. */
export interface LearnedTimeoutOptions {
  /** The limit is this quantile of recent durations times `factor`. @defaultValue 0.99 */
  readonly quantile?: number;
  /** From 1. @defaultValue 3 */
  readonly factor?: number;
  /** Never below, in milliseconds. @defaultValue 1_000 */
  readonly minMs?: number;
  /** Never above, in milliseconds. @defaultValue `complexMs` */
  readonly maxMs?: number;
  /** Durations of a class needed before the learned limit replaces the fixed one, from 2. @defaultValue 20 */
  readonly warmUp?: number;
  /** Durations that are older count no more, in milliseconds; without recent ones the fixed limit holds again. @defaultValue 300_000 */
  readonly maxAgeMs?: number;
}

/** See {@link createAdaptiveTimeout}. */
export interface AdaptiveTimeoutOptions {
  /** Limit for simple requests, in milliseconds. @defaultValue 60_000 */
  readonly simpleMs?: number;
  /** Limit for complex requests, in milliseconds. @defaultValue 180_000 */
  readonly complexMs?: number;
  /** Which class a call belongs to. @defaultValue `classifyPrompt()` of the context's `request` */
  readonly classify?: (context: CallContext) => Complexity;
  /** Lets the limits follow the durations seen. @defaultValue off: the fixed limits hold */
  readonly learned?: LearnedTimeoutOptions;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/**
 * For `attemptTimeoutMs` of a pipeline; one per target where it learns.
 *
 * @throws RangeError when an option is out of range.
 */
export function createAdaptiveTimeout(options: AdaptiveTimeoutOptions = {}): TimeoutSource {
  const { simpleMs = 60_000, complexMs = 180_000, learned, clock = systemClock } = options;
  const { classify = classifyPrompt() } = options;
  positiveMs("simpleMs", simpleMs);
  positiveMs("complexMs", complexMs);
  const fixed: Record<Complexity, number> = { simple: simpleMs, complex: complexMs };
  if (learned === undefined) return { timeoutMs: (context) => fixed[classify(context)] };

  const {
    quantile = 0.99,
    factor = 3,
    minMs = 1_000,
    maxMs = complexMs,
    warmUp = 20,
    maxAgeMs = 300_000,
  } = learned;
  numberBetween("learned.factor", factor, 1, 1_000);
  numberBetween("learned.minMs", minMs, 0, maxMs);
  positiveMs("learned.maxMs", maxMs);
  const track = (): LatencyQuantile => createLatencyQuantile({ quantile, warmUp, maxAgeMs, clock });
  const durations: Record<Complexity, LatencyQuantile> = { simple: track(), complex: track() };
  return {
    timeoutMs(context) {
      const complexity = classify(context);
      const usualMs = durations[complexity].value();
      return usualMs === undefined ? fixed[complexity] : Math.min(maxMs, Math.max(minMs, usualMs * factor));
    },
    record(durationMs, outcome, context) {
      // A failed attempt says little about how long a good one takes, but that it took its time is a fact: without it, a
      // limit that has become too short would never learn.
      const complexity = classify(context);
      const usualMs = durations[complexity].value() ?? Infinity;
      if (outcome === "success" || (outcome === "failure" && durationMs > usualMs))
        durations[complexity].record(durationMs);
    },
  };
}

/** What makes a request complex; see {@link classifyPrompt}. */
export interface PromptClassifierOptions {
  /** A longer prompt is complex, in characters. @defaultValue 2_000 */
  readonly longPromptChars?: number;
  /** @defaultValue ["analysis", "planning", "research", "code", "review"] */
  readonly complexIntents?: readonly string[];
  /** @defaultValue ["analyst", "planner", "researcher", "architect", "reviewer"] */
  readonly complexRoles?: readonly string[];
}

/** What the classifier reads of a context's `request`; anything else there is a simple request. */
export interface PromptRequest {
  readonly prompt?: string;
  /** Instead of `prompt`, in characters. */
  readonly promptLength?: number;
  readonly intent?: string;
  readonly role?: string;
}

/** Complex is what has a long prompt, a complex intent or a complex role. */
export function classifyPrompt({
  longPromptChars = 2_000,
  complexIntents = ["analysis", "planning", "research", "code", "review"],
  complexRoles = ["analyst", "planner", "researcher", "architect", "reviewer"],
}: PromptClassifierOptions = {}): (context: CallContext) => Complexity {
  integerBetween("longPromptChars", longPromptChars, 0, Infinity);
  const intents = new Set(complexIntents);
  const roles = new Set(complexRoles);
  return ({ request }) => {
    if (typeof request !== "object" || request === null) return "simple";
    const { prompt, promptLength = prompt?.length ?? 0, intent, role } = request as PromptRequest;
    const complex =
      promptLength > longPromptChars ||
      (intent !== undefined && intents.has(intent)) ||
      (role !== undefined && roles.has(role));
    return complex ? "complex" : "simple";
  };
}
