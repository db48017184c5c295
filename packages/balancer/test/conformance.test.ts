import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { checkConformance } from "../src/conformance/index.ts";
import { STRATEGY_API, type Strategy, type StrategyFactory } from "../src/index.ts";
import { builtInStrategies } from "../src/strategies/index.ts";

const folder = new URL("../src/strategies/", import.meta.url);
const files = await readdir(folder, { withFileTypes: true });
const names = files
  .filter((file) => file.isFile() && !file.name.endsWith(".test.ts") && file.name !== "index.ts")
  .map((file) => file.name.slice(0, -".ts".length));

// Time-based checks depend on the machine; `pnpm bench` measures what a pick costs.
const options = { budgetNs: Number.POSITIVE_INFINITY };

describe("every file in src/strategies", () => {
  it("is a built-in strategy, and every built-in strategy is a file there", () => {
    expect(Object.keys(builtInStrategies).sort()).toEqual(names.sort());
  });

  it.each(names)("%s keeps the contract", (name) => {
    const factory = builtInStrategies[name] as StrategyFactory<never>;
    expect(checkConformance(factory, options).filter(({ passed }) => !passed)).toEqual([]);
  });
});

describe("the conformance kit finds a strategy that", () => {
  const first: Strategy["pick"] = (candidates) => candidates.slots[0] as number;
  const base =
    (strategy: Partial<Strategy>): StrategyFactory<never> =>
    () => ({ name: "wrong", api: STRATEGY_API, pick: first, ...strategy });
  let calls = 0;
  const hoard: unknown[] = [];

  it.each<[string, StrategyFactory<never>, string]>([
    ["names a slot at random", base({ pick: () => 5 }), "picks only from the candidates"],
    [
      "throws now and then",
      base({
        pick: (candidates) => {
          calls += 1;
          if (calls % 500 === 0) throw new Error("now and then");
          return candidates.slots[0] as number;
        },
      }),
      "picks only from the candidates",
    ],
    [
      "uses a random of its own",
      base({
        pick: (candidates) => candidates.slots[Math.floor(Math.random() * candidates.count)] as number,
      }),
      "makes the same picks",
    ],
    ["always takes the first", base({}), "is not worse than random"],
    [
      "keeps every dispatch",
      base({ onStart: (dispatch) => void hoard.push({ ...dispatch }) }),
      "does not hold on to memory",
    ],
    [
      "never forgets a failure",
      (() => {
        const failed = new Set<number>();
        return {
          name: "grudge",
          api: STRATEGY_API,
          pick: (candidates) => {
            for (let index = 0; index < candidates.count; index++) {
              const slot = candidates.slots[(calls++ + index) % candidates.count] as number;
              if (!failed.has(slot)) return slot;
            }
            return candidates.slots[0] as number;
          },
          onEnd: ({ slot }, outcome) => {
            if (outcome === "transport-error") failed.add(slot);
          },
        };
      }) as StrategyFactory<never>,
      "gives a recovered server",
    ],
    [
      "counts starts but not ends",
      ((_options, host) => {
        const started = new Map<number, number>();
        return {
          name: "counts starts",
          api: STRATEGY_API,
          pick: (candidates) => {
            let best = candidates.slots[0] as number;
            for (let index = 1; index < candidates.count; index++) {
              const slot = candidates.slots[index] as number;
              if ((started.get(slot) ?? 0) < (started.get(best) ?? 0)) best = slot;
            }
            return best;
          },
          onStart: ({ slot }) =>
            void started.set(slot, (started.get(slot) ?? 0) + (host.table.weight[slot] as number)),
        };
      }) as StrategyFactory<never>,
      "keeps no count of leases that ended",
    ],
  ])("%s", (_what, factory, expected) => {
    const failed = checkConformance(factory, options).filter(({ passed }) => !passed);
    expect(failed.map(({ name }) => name).join("; ")).toContain(expected);
    hoard.length = 0;
  });
});
