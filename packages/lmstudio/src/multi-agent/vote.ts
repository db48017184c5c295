// Counting votes. Voting does not beat the best model; how many agree says how far to trust the answer, so that is what it is for.

export interface Ballot {
  readonly seat: number;
  /** `null` is no vote. */
  readonly value: string | null;
  readonly weight: number;
  /** Decides a tie with the rule `heaviest`. @defaultValue the weight */
  readonly standing?: number;
}

export interface ValueVotes {
  readonly value: string;
  readonly weight: number;
  /** Seats. */
  readonly members: readonly number[];
}

export interface Outcome {
  /** The value that won; `null` when nothing did. */
  readonly winner: ValueVotes | null;
  /** Heaviest first; among equals the one with the earliest member. */
  readonly votes: readonly ValueVotes[];
  /** Two values had the most votes. */
  readonly tied: boolean;
  /** Weight of the winner, or else of the heaviest value, as a share of all ballots, those without a vote included; from 0 to 1. */
  readonly agreement: number;
}

export type TieRule = "abstain" | "first" | "heaviest";

/** Weights that differ by less are the same. */
const sameWeight = 1e-9;

export function countVotes(ballots: readonly Ballot[], tie: TieRule): Outcome {
  const byValue = new Map<string, { value: string; weight: number; members: number[]; heaviest: number }>();
  let total = 0;
  for (const { seat, value, weight, standing = weight } of ballots) {
    total += weight;
    if (value === null) continue;
    const group = byValue.get(value) ?? { value, weight: 0, members: [], heaviest: 0 };
    byValue.set(value, group);
    group.weight += weight;
    group.members.push(seat);
    group.heaviest = Math.max(group.heaviest, standing);
  }
  const first = (members: readonly number[]): number => Math.min(...members);
  const groups = [...byValue.values()].toSorted(
    (a, b) =>
      (Math.abs(a.weight - b.weight) < sameWeight ? 0 : b.weight - a.weight) ||
      first(a.members) - first(b.members),
  );
  const [top] = groups;
  const leaders = groups.filter(({ weight }) => top !== undefined && top.weight - weight < sameWeight);
  const tied = leaders.length > 1;
  const heaviest = leaders.toSorted(
    (a, b) => b.heaviest - a.heaviest || first(a.members) - first(b.members),
  )[0];
  const winner = !tied ? top : tie === "first" ? top : tie === "heaviest" ? heaviest : undefined;
  const votes = groups.map(({ value, weight, members }) => ({ value, weight, members }));
  return {
    winner: votes.find(({ value }) => value === winner?.value) ?? null,
    votes,
    tied,
    agreement: total === 0 ? 0 : (top?.weight ?? 0) / total,
  };
}
