// What a query may cost: reserved before a member is asked, settled when it has answered.
import type { Usage } from "../client/parts.ts";
import type { Budget, Member } from "./request.ts";

export interface Account {
  /** @returns what settles it, or `undefined` when it might be too much. */
  reserve(member: Member): ((usage: Usage | undefined) => number) | undefined;
}

/** Of an answer without a limit. */
const usualAnswerTokens = 1_024;
const charactersPerToken = 4;

export function createAccount(budget: Budget | undefined, prompt: string): Account {
  const { maxTokens = Infinity, maxCost = Infinity, prices = {} } = budget ?? {};
  let tokens = 0;
  let cost = 0;
  return {
    reserve(member) {
      const text = prompt.length + (member.system?.length ?? 0);
      const guess = {
        promptTokens: Math.ceil(text / charactersPerToken),
        completionTokens: member.maxTokens ?? usualAnswerTokens,
      };
      const reservedTokens = guess.promptTokens + guess.completionTokens;
      const reservedCost = costOf(member, guess);
      if (tokens + reservedTokens > maxTokens || cost + reservedCost > maxCost) return undefined;
      tokens += reservedTokens;
      cost += reservedCost;
      return (usage) => {
        const spent = usage === undefined ? 0 : costOf(member, usage);
        tokens += (usage === undefined ? 0 : usage.promptTokens + usage.completionTokens) - reservedTokens;
        cost += spent - reservedCost;
        return spent;
      };
    },
  };

  function costOf({ model }: Member, usage: Pick<Usage, "promptTokens" | "completionTokens">): number {
    const price = prices[model];
    if (price === undefined) return 0;
    return (usage.promptTokens * price.input + usage.completionTokens * price.output) / 1e6;
  }
}
