// The failover scenario runs, on few calls; and what it makes of calls and faults, without a clock.
import { expect, it } from "vitest";
import { FAULTS } from "../src/faults.ts";
import type { EndedCall } from "../src/load/open-loop.ts";
import { splitCores } from "../src/placement.ts";
import { runFailover } from "../src/scenarios/failover.ts";
import type { FaultCell } from "../src/scenarios/failover-present.ts";
import { combineRounds } from "../src/scenarios/failover-rounds.ts";
import { type FaultOutcome, judgeCalls } from "../src/scenarios/failover-run.ts";

/** The nth call, ten milliseconds each; every fourth is one that may not be repeated. */
function call(nonce: number, latencyMs: number, outcome: EndedCall["outcome"] = "ok"): EndedCall {
  return { nonce, intendedAtMs: nonce * 10, endedAtMs: nonce * 10 + latencyMs, outcome };
}

it("tells added time from the usual, and first good answers from the fault and from its end", () => {
  const calls = Array.from({ length: 300 }, (_, nonce) => {
    if (nonce === 101) return call(nonce, 25);
    return nonce > 101 && nonce < 150 ? call(nonce, 1, "error") : call(nonce, 5);
  });
  const judged = judgeCalls(calls, [{ faultAt: 1_012, endedAt: 1_400 }], 100);
  expect(judged.quietP95Ms).toBe(5);
  // Call 101 was under way when the fault came; 150 is the first that began after it and was answered.
  expect(judged.added.max).toBe(20);
  expect(judged.slowest[0]).toEqual({ sinceFaultMs: -2, addedMs: 20 });
  expect(judged.firstGoodMs).toBe(1_505 - 1_012);
  expect(judged.firstGoodAfterMs).toBe(1_505 - 1_400);
  expect(judged.errors).toEqual({ repeatable: 36, other: 12 });
  expect(judged.clientsRecovered).toBe(true);
});

it("says never when no call was answered after the fault", () => {
  const calls = Array.from({ length: 200 }, (_, nonce) => call(nonce, 5, nonce < 100 ? "ok" : "failed"));
  const judged = judgeCalls(calls, [{ faultAt: 1_000, endedAt: 1_200 }], 0);
  expect([judged.firstGoodMs, judged.firstGoodAfterMs, judged.clientsRecovered]).toEqual([null, null, false]);
});

it("takes times from the round in the middle, and what went wrong from all", () => {
  const round = (addedMs: number, errors: number): FaultOutcome => {
    const calls = Array.from({ length: 200 }, (_, nonce) => {
      if (nonce >= 110 && nonce < 110 + errors) return call(nonce, 5, "error");
      return call(nonce, nonce >= 100 && nonce < 110 ? 5 + addedMs : 5);
    });
    return {
      ...judgeCalls(calls, [{ faultAt: 1_000, endedAt: 1_100 }], 0),
      ...{ calls: 200, unanswered: 0, executedAgain: { repeatable: 1, other: 0 } },
      ...{ newClientWorks: true, words: "", generatorLagMs: 0 },
    };
  };
  const combined = combineRounds([round(30, 0), round(4, 4), round(7, 0)]);
  expect(combined.added).toMatchObject({ p99: 7, max: 7 });
  expect(combined.roundsP99Ms).toEqual([4, 7, 30]);
  expect(combined).toMatchObject({ calls: 600, errors: { repeatable: 3, other: 1 } });
  expect(combined.executedAgain.repeatable).toBe(3);
  expect(combined.clientsRecovered).toBe(true);
  const never = { ...round(4, 0), firstGoodMs: null, clientsRecovered: false };
  expect(combineRounds([round(4, 0), never])).toMatchObject({ firstGoodMs: null, clientsRecovered: false });
});

it("breaks a server in each way, through the gateway and without it, and counts every call once", {
  timeout: 180_000,
}, async () => {
  const few = { cycles: 1, rate: 20, warmUpMs: 300, quietMs: 300, settleMs: 300 };
  const { tables, claims, data, skipped } = await runFailover(
    { profile: "quick", without: [], onProgress: () => {} },
    {
      ...{ faults: ["crash", "restart"], own: few, others: few },
      contestants: ["gateway, 2 replicas", "direct"],
      maxRepeats: 0,
    },
  );
  expect(skipped).toEqual([]);
  expect(tables.map(({ rows }) => rows.map(([name]) => name))).toEqual([
    ["gateway, 2 replicas, HTTP", "direct, HTTP"],
    ["gateway, 2 replicas, HTTP", "direct, HTTP"],
  ]);
  const { cells } = data as { cells: FaultCell[] };
  const crashed = (name: string): FaultCell | undefined =>
    cells.find((cell) => cell.name === name && cell.fault === "crash");
  const [gateway, direct] = [crashed("gateway, 2 replicas"), crashed("direct")];
  // By the ledger, whatever the machine was busy with.
  expect(gateway?.outcome.executedAgain.other).toBe(0);
  expect(gateway?.outcome.newClientWorks).toBe(true);
  // The server has forgotten its sessions, and nobody opened a new one.
  expect(direct?.outcome).toMatchObject({ clientsRecovered: false, newClientWorks: true });
  expect(claims.map(({ claim }) => claim.split(",")[0])).toEqual(["crash", "crash", "restart"]);
});

it("has a fault for every word of its description", () => {
  expect(FAULTS.map(({ name }) => name)).toEqual(["crash", "hang", "slow", "flap", "restart"]);
});

it.each([
  ["0-1", { target: "0", rest: "1" }],
  ["0-3,6", { target: "0,1", rest: "2,3,6" }],
  ["2,5", { target: "2", rest: "5" }],
  ["3", undefined],
])("gives half of the cores %s to the target", (list, split) => {
  expect(splitCores(list)).toEqual(split);
});
