// Sizes of simulated requests, all with a mean of 1.
import type { Random } from "@fairlead/core";

/** How the work of requests varies; every one has mean 1. */
export type SizeDistribution =
  | { readonly kind: "deterministic" }
  | { readonly kind: "exponential" }
  | { readonly kind: "lognormal" /** Standard deviation of the logarithm. */; readonly sigma: number }
  | { readonly kind: "pareto" /** Tail exponent, > 1. */; readonly alpha: number }
  | {
      readonly kind: "bimodal" /** Share of large requests, 0–1. */;
      readonly largeRatio: number;
      readonly factor: number;
    };

/** Draws one size. */
export function drawSize(distribution: SizeDistribution, random: Random): number {
  switch (distribution.kind) {
    case "deterministic":
      return 1;
    case "exponential":
      return drawExponential(random);
    case "lognormal":
      return Math.exp(distribution.sigma * drawNormal(random) - distribution.sigma ** 2 / 2);
    case "pareto":
      return ((distribution.alpha - 1) / distribution.alpha) * (1 - random()) ** (-1 / distribution.alpha);
    case "bimodal": {
      const { largeRatio, factor } = distribution;
      const small = 1 / (1 - largeRatio + largeRatio * factor);
      return random() < largeRatio ? small * factor : small;
    }
  }
}

/** Exponential with mean 1. */
export function drawExponential(random: Random): number {
  return -Math.log(1 - random());
}

/** Standard normal, by Box and Muller; the second value is thrown away so that every draw takes two numbers. */
function drawNormal(random: Random): number {
  return Math.sqrt(2 * drawExponential(random)) * Math.cos(2 * Math.PI * random());
}

/** Cumulative weights of Zipf's law over `count` items; search them with a uniform number times the last one. */
export function zipfWeights(count: number, exponent: number): Float64Array {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -exponent;
    cumulative[rank] = sum;
  }
  return cumulative;
}
