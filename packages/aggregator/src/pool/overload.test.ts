// Ten times more than the upstreams can do, from a thousand callers: whoever is refused is refused at once, not after a
// wait. Simulated on a fake clock, with arrivals from a seed.
import { createTimerWheel } from "@fairlead/core";
import { createFakeClock, createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createAdmission, type Waiting } from "./admission.ts";

const SLOTS = 16;
const WORK_MS = 40;
const CAPACITY_PER_MS = SLOTS / WORK_MS;
const CALLERS = 1_000;
const QUEUE_TIMEOUT_MS = 2_000;
const SECONDS = 10;

interface Outcome {
  readonly offered: number;
  readonly answered: number;
  /** How long each refused call had waited, in milliseconds. */
  readonly refusedAfterMs: readonly number[];
  /** Calls that wait or run at the end. */
  readonly leftOver: number;
}

async function simulate(factor: number, maxQueue: number, spread: "random" | "turns"): Promise<Outcome> {
  const clock = createFakeClock();
  const random = createSeededRandom(7);
  const wheel = createTimerWheel({ clock });
  const admission = createAdmission({
    clock,
    wheel,
    maxQueue: () => maxQueue,
    queueTimeoutMs: () => QUEUE_TIMEOUT_MS,
    ageingMs: () => 200,
  });
  const refusedAfterMs: number[] = [];
  let free = SLOTS;
  let answered = 0;
  let offered = 0;

  const run = (waited?: Waiting): void => {
    free--;
    void clock.sleep(WORK_MS).then(() => {
      free++;
      answered++;
      if (waited !== undefined) admission.ended(waited);
      admission.pump();
    });
  };
  const offer = (key: string): void => {
    offered++;
    if (free > 0 && admission.size === 0) {
      run();
      return;
    }
    const cameAt = clock.now();
    const refuse = (): void => void refusedAfterMs.push(clock.now() - cameAt);
    const call: Waiting = {
      key,
      priority: 5,
      group: "",
      queuedAt: 0,
      isGranted: false,
      wake() {
        if (free === 0) return false;
        wheel.cancel(timer);
        admission.leave(call);
        run(call);
        return true;
      },
      displace() {
        wheel.cancel(timer);
        refuse();
      },
    };
    const timer = wheel.schedule(QUEUE_TIMEOUT_MS, () => {
      admission.leave(call);
      refuse();
    });
    if (admission.enter(call, "")) return;
    wheel.cancel(timer);
    refuse();
  };
  for (let now = 0; now < SECONDS * 1_000; ) {
    const gapMs = -Math.log(1 - random()) / (CAPACITY_PER_MS * factor);
    now += gapMs;
    await clock.advance(gapMs);
    offer(`caller ${spread === "turns" ? offered % CALLERS : Math.floor(random() * CALLERS)}`);
  }
  return { offered, answered, refusedAfterMs, leftOver: admission.size + SLOTS - free };
}

describe("overload", () => {
  it.each([
    [2, 32, "turns"],
    [10, 32, "turns"],
    [10, 32, "random"],
    [2, 1_000, "turns"],
    [10, 1_000, "turns"],
    [10, 1_000, "random"],
  ] as const)(
    "%d times the capacity, queue of %d, callers in %s order: refuses at once",
    async (factor, maxQueue, spread) => {
      const { offered, answered, refusedAfterMs, leftOver } = await simulate(factor, maxQueue, spread);
      const late = refusedAfterMs.filter((ms) => ms > 0).length;
      console.log(`of ${refusedAfterMs.length} refused, ${late} were so after a wait`);
      expect(late / refusedAfterMs.length).toBeLessThan(0.01);
      expect(offered).toBe(answered + refusedAfterMs.length + leftOver);
      expect(answered).toBeGreaterThan(0.98 * CAPACITY_PER_MS * SECONDS * 1_000);
    },
    60_000,
  );
});
