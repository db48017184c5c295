// How much a member's vote weighs.

/** As many different answers as a question is taken to have. */
const usualChoices = 10;

/**
 * The given weight, or the log-odds of the member's accuracy against guessing (Nitzan & Paroush, "Optimal Decision Rules in
 * Uncertain Dichotomous Choice Situations", 1982, with ten choices in place of two), at least 0.01.
 *
 * @throws RangeError when it is out of range.
 */
export function seatWeight({
  weight,
  accuracy,
}: {
  readonly weight?: number;
  readonly accuracy?: number;
}): number {
  if (weight !== undefined) {
    if (!(weight > 0) || weight === Infinity)
      throw new RangeError(`models[].weight must be a finite number above 0, got ${weight}`);
    return weight;
  }
  if (accuracy === undefined) return 1;
  if (!(accuracy > 0 && accuracy < 1))
    throw new RangeError(`models[].accuracy must be between 0 and 1, got ${accuracy}`);
  return Math.max(0.01, Math.log(((usualChoices - 1) * accuracy) / (1 - accuracy)));
}
