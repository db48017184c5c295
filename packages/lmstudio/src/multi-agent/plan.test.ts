import { expect, it } from "vitest";
import { type PlannedHost, planCalls } from "./plan.ts";
import { queryOf } from "./request.ts";

const host = (name: string, ...loaded: string[]): PlannedHost => ({ name, loads: true, loaded, up: true });
const plan = (models: string[], hosts: readonly PlannedHost[]) => {
  const { members } = queryOf({ prompt: "x", models });
  const { ready, cold } = planCalls(members, hosts, () => hosts.map(({ name }) => name));
  return {
    ready: ready.map(({ model, members: group }) => `${model}×${group.length}`),
    cold: Object.fromEntries(
      [...cold].map(([name, groups]) => [
        name,
        groups.map(({ model, members: group }) => `${model}×${group.length}`),
      ]),
    ),
  };
};

it("what is loaded goes at once; what is not, model by model", () => {
  expect(plan(["a", "b", "c", "b", "c", "a:2"], [host("left", "a")])).toEqual({
    ready: ["a×2"],
    cold: { left: ["b×2", "c×2"] },
  });
});

it("cold models are spread over the hosts, to the emptiest first", () => {
  expect(plan(["a", "b", "c", "d"], [host("left", "x"), host("right")])).toEqual({
    ready: [],
    cold: { right: ["a×1", "c×1"], left: ["b×1", "d×1"] },
  });
});

it("hosts that are down get no cold models while there are others", () => {
  const down: PlannedHost = { ...host("down"), up: false };
  expect(plan(["a", "b"], [down, host("up")])).toEqual({ ready: [], cold: { up: ["a×1", "b×1"] } });
  expect(plan(["a"], [down])).toEqual({ ready: [], cold: { down: ["a×1"] } });
});

it("servers that load nothing are asked at once, and a member's own host is kept", () => {
  const cloud: PlannedHost = { name: "cloud", loads: false, loaded: [], up: true };
  expect(plan(["gpt-4o", "gpt-5"], [cloud])).toEqual({ ready: ["gpt-4o×1", "gpt-5×1"], cold: {} });
  const { members } = queryOf({ prompt: "x", models: [{ model: "a", host: "right", count: 2 }, "a"] });
  const { cold } = planCalls(members, [host("left"), host("right")], () => ["left", "right"]);
  expect([...cold].map(([name, groups]) => [name, groups.map(({ members: group }) => group.length)])).toEqual(
    [
      ["right", [2]],
      ["left", [1]],
    ],
  );
});
