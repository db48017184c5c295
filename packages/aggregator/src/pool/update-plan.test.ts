import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UpstreamConfig } from "../config.ts";
import { type KnownUpstream, planUpdate } from "./update-plan.ts";

const stdio = (args: string, more: Partial<UpstreamConfig> = {}): UpstreamConfig =>
  ({ transport: "stdio", command: "node", args: [args], ...more }) as UpstreamConfig;
const known = (...configs: UpstreamConfig[]): KnownUpstream[] =>
  configs.map((config, at) => ({ id: config.id ?? `p-${at + 1}`, config }));
const plan = (before: readonly KnownUpstream[], after: readonly UpstreamConfig[]) =>
  planUpdate("p", before, after, (id) => before.some((upstream) => upstream.id === id));

describe("a plan", () => {
  it("is empty when nothing changed, whatever the order", () => {
    const [a, b] = [stdio("a"), stdio("b")];
    expect(plan(known(a, b), [b, a])).toEqual({ add: [], remove: [], change: [] });
  });

  it("keeps what is reached the same way when its neighbour goes", () => {
    expect(plan(known(stdio("a"), stdio("b"), stdio("c")), [stdio("a"), stdio("c")])).toEqual({
      add: [],
      remove: ["p-2"],
      change: [],
    });
  });

  it("changes in place what goes by the same id, and what has none and no twin", () => {
    const before = known(stdio("a", { id: "x" }), stdio("b"));
    expect(plan(before, [stdio("A", { id: "x" }), stdio("B")])).toEqual({
      add: [],
      remove: [],
      change: [
        { id: "x", config: stdio("A", { id: "x" }) },
        { id: "p-2", config: stdio("B") },
      ],
    });
  });

  it("never takes an id that is or was somebody's", () => {
    const { add, remove } = plan(known(stdio("a", { id: "p-1" })), [stdio("b"), stdio("c")]);
    expect(add.map(({ id }) => id)).toEqual(["p-2", "p-3"]);
    expect(remove).toEqual(["p-1"]);
  });

  it("leads from any configuration to any other, with unique ids", () => {
    const config = fc.record({
      args: fc.constantFrom("a", "b", "c"),
      id: fc.constantFrom(undefined, "x", "y"),
    });
    const configs = fc.uniqueArray(config, { maxLength: 6, selector: ({ id }) => id ?? {} });
    const toConfig = ({ args, id }: { args: string; id: string | undefined }): UpstreamConfig =>
      stdio(args, id === undefined ? {} : { id });
    fc.assert(
      fc.property(configs, configs, (from, to) => {
        const before = known(...from.map(toConfig));
        const wanted = to.map(toConfig);
        const { add, remove, change } = plan(before, wanted);
        const result = new Map(before.map((upstream) => [upstream.id, upstream.config]));
        for (const id of remove) expect(result.delete(id)).toBe(true);
        for (const { id, config: changed } of change)
          expect(result.set(id, changed).size).toBeLessThanOrEqual(before.length);
        for (const { id, config: added } of add) {
          expect(before.some((upstream) => upstream.id === id)).toBe(false);
          result.set(id, added);
        }
        const print = (list: Iterable<UpstreamConfig>): string[] =>
          [...list].map((one) => JSON.stringify(one)).sort();
        expect(print(result.values())).toEqual(print(wanted));
      }),
    );
  });
});
