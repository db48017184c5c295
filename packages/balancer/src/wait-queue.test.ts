import { createFakeClock } from "@fairlead/core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AcquireRequest } from "./acquire-request.ts";
import { createBalancer } from "./balancer.ts";
import type { Lease } from "./lease.ts";
import type { QueueOptions } from "./wait-queue.ts";

function singleSlot(queue: QueueOptions = {}) {
  const clock = createFakeClock();
  const balancer = createBalancer({ clock, queue });
  balancer.add({ id: "a", maxConcurrency: 1 });
  return { balancer, clock };
}

/** Lets the requests wait, then serves them one by one and tells the order. */
async function served(
  queue: QueueOptions,
  requests: readonly (AcquireRequest & { at?: number })[],
): Promise<number[]> {
  const { balancer, clock } = singleSlot(queue);
  const busy = balancer.acquire();
  const order: number[] = [];
  const waiting: Promise<void>[] = [];
  for (const [index, { at = 0, ...request }] of requests.entries()) {
    await clock.advance(at - clock.now());
    waiting.push(
      balancer.wait(request).then((lease) => {
        order.push(index);
        lease.release("success");
      }),
    );
  }
  busy?.release("success");
  await Promise.all(waiting);
  return order;
}

describe("wait", () => {
  it("hands out a free endpoint at once", async () => {
    const { balancer } = singleSlot();
    expect((await balancer.wait()).endpointId).toBe("a");
  });

  it("serves in order of arrival by default", async () => {
    expect(await served({}, [{ cost: 3 }, { cost: 1 }, { cost: 2 }])).toEqual([0, 1, 2]);
  });

  it("serves the lowest priority first, and in order of arrival among equals", async () => {
    const requests = [{ priority: 1 }, { priority: 0 }, { priority: 1 }, { priority: 0 }];
    expect(await served({ order: "priority" }, requests)).toEqual([1, 3, 0, 2]);
  });

  it("serves the shortest first", async () => {
    expect(await served({ order: "shortest-first" }, [{ cost: 3 }, { cost: 1 }, { cost: 2 }])).toEqual([
      1, 2, 0,
    ]);
  });

  it("lets nothing starve: waiting counts like a smaller cost", async () => {
    const requests = [{ cost: 3 }, { cost: 1, at: 1_000 }, { cost: 1, at: 5_000 }];
    expect(await served({ order: "shortest-first", ageingMs: 1_000 }, requests)).toEqual([1, 0, 2]);
    expect(await served({ order: "shortest-first", ageingMs: Number.POSITIVE_INFINITY }, requests)).toEqual([
      1, 2, 0,
    ]);
  });

  it("does not let a newcomer overtake those who wait", async () => {
    const { balancer } = singleSlot();
    const busy = balancer.acquire();
    const order: string[] = [];
    const note = (name: string) => (lease: Lease) => {
      order.push(name);
      return lease;
    };
    const first = balancer.wait().then(note("first"));
    busy?.release("success");
    const second = balancer.wait().then(note("second"));
    (await first).release("success");
    (await second).release("success");
    expect(order).toEqual(["first", "second"]);
  });

  it("is not held up by a request that only a busy endpoint can serve", async () => {
    const { balancer } = singleSlot();
    balancer.add({ id: "gpu", maxConcurrency: 1, capabilities: ["gpu"] });
    const a = balancer.acquire({ exclude: ["gpu"] });
    const gpu = balancer.acquire({ capabilities: ["gpu"] });
    let gpuServed = false;
    const waitsForGpu = balancer.wait({ capabilities: ["gpu"] }).then(() => {
      gpuServed = true;
    });
    const any = balancer.wait();
    a?.release("success");
    expect((await any).endpointId).toBe("a");
    expect(gpuServed).toBe(false);
    gpu?.release("success");
    await waitsForGpu;
  });

  it("rejects with QUEUE_FULL beyond its bound", async () => {
    const { balancer } = singleSlot({ maxWaiting: 1 });
    balancer.acquire();
    const waiting = balancer.wait();
    await expect(balancer.wait()).rejects.toMatchObject({ code: "QUEUE_FULL", maxWaiting: 1 });
    balancer.close();
    await expect(waiting).rejects.toMatchObject({ code: "NO_SERVERS_AVAILABLE" });
  });

  it("rejects at once when no endpoint could serve the request even if it were free", async () => {
    const { balancer } = singleSlot();
    balancer.acquire();
    await expect(balancer.wait({ capabilities: ["gpu"] })).rejects.toMatchObject({
      code: "NO_SERVERS_AVAILABLE",
    });
  });

  it("rejects those who wait when the last endpoint that could serve them goes", async () => {
    const { balancer } = singleSlot();
    balancer.acquire();
    const waiting = balancer.wait();
    balancer.setHealth("a", "unhealthy");
    await expect(waiting).rejects.toMatchObject({ code: "NO_SERVERS_AVAILABLE" });
  });

  it("serves those who wait when an endpoint is added or its limit is raised", async () => {
    const { balancer } = singleSlot();
    balancer.acquire();
    const first = balancer.wait();
    const second = balancer.wait();
    balancer.add({ id: "b", maxConcurrency: 1 });
    expect((await first).endpointId).toBe("b");
    balancer.update("a", { maxConcurrency: 2 });
    expect((await second).endpointId).toBe("a");
  });

  it("serves those who wait when an endpoint returns from ejection, though nothing else happens", async () => {
    const { balancer, clock } = singleSlot();
    balancer.add({ id: "b", maxConcurrency: 1 });
    balancer.acquire({ exclude: ["b"] });
    for (let count = 0; count < 5; count++) balancer.acquire({ exclude: ["a"] })?.release("timeout");
    const waiting = balancer.wait();
    await clock.advance(999);
    expect(balancer.snapshot().waiting).toBe(1);
    await clock.advance(1);
    expect((await waiting).endpointId).toBe("b");
    balancer.close();
    expect(clock.pending).toBe(0);
  });

  it("leaves the queue with the signal's reason when aborted, and takes no lease along", async () => {
    const { balancer } = singleSlot();
    const busy = balancer.acquire();
    const controller = new AbortController();
    const waiting = balancer.wait({}, controller.signal);
    controller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    await expect(balancer.wait({}, controller.signal)).rejects.toThrow("gone");
    busy?.release("success");
    expect(balancer.snapshot()).toMatchObject({ waiting: 0, endpoints: [{ inFlight: 0 }] });
  });

  it("serves everyone exactly once and never beyond a limit, whatever the order of events", async () => {
    const step = fc.record({
      kind: fc.constantFrom("wait", "release", "abort"),
      pick: fc.nat(),
      cost: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("fifo", "priority", "shortest-first"),
        fc.array(step, { maxLength: 60 }),
        async (order, steps) => {
          const balancer = createBalancer({ clock: createFakeClock(), queue: { order: order as "fifo" } });
          balancer.add({ id: "a", maxConcurrency: 1 });
          balancer.add({ id: "b", maxConcurrency: 2 });
          const open: Lease[] = [];
          const controllers: AbortController[] = [];
          let settled = 0;
          let asked = 0;
          for (const { kind, pick, cost } of steps) {
            if (kind === "wait") {
              asked += 1;
              const controller = new AbortController();
              controllers.push(controller);
              balancer.wait({ cost, priority: cost }, controller.signal).then(
                (lease) => {
                  open.push(lease);
                  settled += 1;
                },
                () => {
                  settled += 1;
                },
              );
            } else if (kind === "release") open.splice(pick % (open.length + 1), 1)[0]?.release("success");
            else controllers[pick % (controllers.length + 1)]?.abort();
            await Promise.resolve();
            expect(open.length).toBeLessThanOrEqual(3);
          }
          while (settled < asked) {
            open.pop()?.release("success");
            await Promise.resolve();
          }
          for (const lease of open) lease.release("success");
          expect(balancer.snapshot()).toMatchObject({
            waiting: 0,
            endpoints: [{ inFlight: 0 }, { inFlight: 0 }],
          });
        },
      ),
      { seed: 22, numRuns: 100 },
    );
  });

  it.each([
    ["maxWaiting", -1],
    ["order", "random"],
    ["ageingMs", 0],
  ])("rejects a bad %s", (name, value) => {
    expect(() => createBalancer({ queue: { [name]: value } })).toThrow(
      new RegExp(`queue.${name} .*got ${value}`),
    );
  });
});
