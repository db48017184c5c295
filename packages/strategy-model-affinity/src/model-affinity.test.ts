import { type Balancer, createBalancer, type Lease } from "@fairlead/balancer";
import { describe, expect, it } from "vitest";
import { type ModelAffinityOptions, modelAffinity } from "./model-affinity.ts";

interface Pool {
  readonly balancer: Balancer;
  /** The endpoint that gets it, and keeps it. */
  send(model: string, key?: string): string;
  /** Ends the oldest lease of the endpoint. */
  end(endpoint: string): void;
}

function pool(hosts: Readonly<Record<string, readonly string[]>>, options: ModelAffinityOptions = {}): Pool {
  const balancer = createBalancer({
    strategy: modelAffinity,
    strategyOptions: options,
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    random: () => 0.5,
  });
  for (const [id, loaded] of Object.entries(hosts)) balancer.add({ id, capabilities: loaded });
  const leases: Lease[] = [];
  return {
    balancer,
    send(model, key) {
      const request = { taskClass: model, prefers: [model], ...(key === undefined ? {} : { key }) };
      const lease = balancer.acquire(request);
      if (lease === undefined) throw new Error("no lease");
      leases.push(lease);
      return lease.endpointId;
    },
    end(endpoint) {
      const at = leases.findIndex(({ endpointId }) => endpointId === endpoint);
      leases.splice(at, 1)[0]?.release("success", 10);
    },
  };
}

describe("a request", () => {
  it("goes where its model is loaded, though that host has more to do", () => {
    const { send } = pool({ a: ["m1"], b: ["m2"] });
    expect([send("m1"), send("m1"), send("m1"), send("m2")]).toEqual(["a", "a", "a", "b"]);
  });

  it("waits there rather than have another host swap, until that costs more than a swap", () => {
    const { send } = pool({ a: ["m1"], b: [] }, { parallel: 2, swapCost: 3 });
    const sent = Array.from({ length: 9 }, () => send("m1"));
    // Two run and five wait; the eighth would wait for three rounds of two, as long as a swap takes.
    expect(sent).toEqual(["a", "a", "a", "a", "a", "a", "a", "b", "b"]);
  });

  it("is spread over the hosts that have the model, the fewest in flight first", () => {
    const { send, end } = pool({ a: ["m1"], b: ["m1"], c: [] });
    expect([send("m1"), send("m1"), send("m1")].sort()).toEqual(["a", "a", "b"]);
    end("a");
    end("a");
    expect(send("m1")).toBe("a");
  });

  it("for a cold model makes an idle host swap, not one at work", () => {
    const { send } = pool({ a: ["m1"], b: ["m2"] });
    expect([send("m1"), send("m3")]).toEqual(["a", "b"]);
  });

  it("for a cold model goes to a host with nothing loaded rather than have one swap", () => {
    const { send, end } = pool({ a: ["m1"], b: [], c: ["m2"] });
    const keys = Array.from({ length: 10 }, (_, at) => `prefix-${at}`);
    for (const key of keys) {
      expect(send("m3", key)).toBe("b");
      end("b");
    }
  });

  it("for a model that is being loaded goes to the same host, so that it is loaded once", () => {
    const { send } = pool({ a: [], b: [], c: [] });
    const first = send("m1");
    expect([send("m1"), send("m1"), send("m1")]).toEqual([first, first, first]);
    expect(send("m2")).not.toBe(first);
  });
});

it("keeps a prefix at one host, and a new host takes few of them away", () => {
  const hosts: Record<string, readonly string[]> = { a: ["m"], b: ["m"], c: ["m"] };
  const keys = Array.from({ length: 300 }, (_, at) => `prefix-${at}`);
  const place = (of: Pool): readonly string[] =>
    keys.map((key) => {
      const endpoint = of.send("m", key);
      of.end(endpoint);
      return endpoint;
    });
  const three = pool(hosts);
  const before = place(three);
  expect(place(three)).toEqual(before);
  for (const host of ["a", "b", "c"]) expect(before.filter((id) => id === host).length).toBeGreaterThan(60);
  const after = place(pool({ ...hosts, d: ["m"] }));
  const moved = after.filter((id, at) => id !== before[at]);
  expect(moved.every((id) => id === "d")).toBe(true);
  expect(moved.length).toBeLessThan(120);
});

it("does not overload a host for the sake of a prefix", () => {
  const { send } = pool({ a: ["m"], b: ["m"], c: ["m"] });
  const counts = new Map<string, number>();
  for (let request = 0; request < 12; request += 1) {
    const id = send("m", "the same");
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  expect([...counts.values()]).toEqual([4, 4, 4]);
});

it("leaves a host that fails fast, and comes back to it", () => {
  let now = 0;
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const balancer = createBalancer({ strategy: modelAffinity, clock, random: () => 0.5 });
  balancer.add({ id: "bad", capabilities: ["m"] });
  balancer.add({ id: "good" });
  const send = (outcome: "success" | "transport-error"): string | undefined => {
    const lease = balancer.acquire({ taskClass: "m", prefers: ["m"] });
    lease?.release(outcome, 1);
    return lease?.endpointId;
  };
  expect([send("transport-error"), send("success"), send("success")]).toEqual(["bad", "good", "good"]);
  balancer.remove("good");
  balancer.add({ id: "other" });
  now = 100;
  expect(send("success")).toBe("other");
  balancer.remove("other");
  balancer.add({ id: "another" });
  now = 10_000;
  expect(send("success")).toBe("bad");
});

it("names a wrong option", () => {
  expect(() => pool({}, { parallel: 0 })).toThrow("parallel must be from 1 to 1000, got 0");
  expect(() => pool({}, { swapCost: -1 })).toThrow("swapCost must be from 0 to 1000, got -1");
  expect(() => pool({}, { paralel: 1 } as ModelAffinityOptions)).toThrow("got paralel");
});
