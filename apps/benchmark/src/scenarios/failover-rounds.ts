// Several measurements of the same thing as one: a program that stalled for a moment because the machine had something
// else to do is in one of them, what the target does is in all.
import type { FaultOutcome } from "./failover-run.ts";

/**
 * Times are those of the round in the middle, by the p99 of what was added; everything that went wrong in any of them
 * counts. @throws RangeError without a round
 */
export function combineRounds(rounds: readonly FaultOutcome[]): FaultOutcome {
  const byP99 = rounds.toSorted((a, b) => a.added.p99 - b.added.p99);
  const middle = byP99[Math.floor((byP99.length - 1) / 2)];
  if (middle === undefined) throw new RangeError("nothing was measured");
  const sum = (of: (outcome: FaultOutcome) => number): number =>
    rounds.reduce((total, outcome) => total + of(outcome), 0);
  return {
    ...middle,
    calls: sum(({ calls }) => calls),
    errors: {
      repeatable: sum(({ errors }) => errors.repeatable),
      other: sum(({ errors }) => errors.other),
    },
    unanswered: sum(({ unanswered }) => unanswered),
    executedAgain: {
      repeatable: sum(({ executedAgain }) => executedAgain.repeatable),
      other: sum(({ executedAgain }) => executedAgain.other),
    },
    firstGoodMs: longest(rounds.map(({ firstGoodMs }) => firstGoodMs)),
    firstGoodAfterMs: longest(rounds.map(({ firstGoodAfterMs }) => firstGoodAfterMs)),
    clientsRecovered: rounds.every(({ clientsRecovered }) => clientsRecovered),
    newClientWorks: rounds.every(({ newClientWorks }) => newClientWorks),
    words: rounds.map(({ words }) => words).find((text) => text !== "") ?? "",
    roundsP99Ms: byP99.map(({ added }) => added.p99),
  };
}

/** Null, which is never, is longer than anything. */
function longest(waits: readonly (number | null)[]): number | null {
  const known = waits.filter((wait) => wait !== null);
  return known.length < waits.length ? null : Math.max(...known);
}
