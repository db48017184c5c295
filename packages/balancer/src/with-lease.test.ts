import { describe, expect, it } from "vitest";
import { createBalancer } from "./balancer.ts";
import { withLease } from "./with-lease.ts";

function counts(balancer: ReturnType<typeof createBalancer>) {
  const endpoint = balancer.snapshot().endpoints[0];
  return { inFlight: endpoint?.inFlight, ...endpoint?.counts };
}

describe("withLease", () => {
  it("releases with success and passes the result on", async () => {
    const balancer = createBalancer();
    balancer.add({ id: "a" });
    expect(await withLease(balancer, async (id) => `from ${id}`)).toBe("from a");
    expect(counts(balancer)).toMatchObject({ inFlight: 0, succeeded: 1 });
  });

  it.each([
    ["AbortError", { neutral: 1, failed: 0 }],
    ["TimeoutError", { failed: 1 }],
    ["Error", { failed: 1 }],
  ])("releases after %s and passes it on", async (name, expected) => {
    const balancer = createBalancer();
    balancer.add({ id: "a" });
    const error = Object.assign(new Error("no"), { name });
    await expect(withLease(balancer, () => Promise.reject(error))).rejects.toBe(error);
    expect(counts(balancer)).toMatchObject({ inFlight: 0, ...expected });
  });

  it("releases even when the classifier throws", async () => {
    const balancer = createBalancer();
    balancer.add({ id: "a" });
    const classify = (): never => {
      throw new RangeError("classifier");
    };
    await expect(withLease(balancer, () => Promise.reject(new Error("no")), { classify })).rejects.toThrow(
      "classifier",
    );
    expect(counts(balancer)).toMatchObject({ inFlight: 0, failed: 1 });
  });

  it("rejects when no endpoint may be picked", async () => {
    await expect(withLease(createBalancer(), async () => 1)).rejects.toMatchObject({
      code: "NO_SERVERS_AVAILABLE",
    });
  });
});
