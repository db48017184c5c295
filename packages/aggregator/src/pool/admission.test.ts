import { createTimerWheel } from "@fairlead/core";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type Admission, createAdmission, type Waiting } from "./admission.ts";

/** A queue in front of upstreams that the test frees one by one. */
function setUp({ maxQueue = 100, queueTimeoutMs = 2_000, ageingMs = 200 } = {}) {
  const clock = createFakeClock();
  const served: string[] = [];
  const displaced: string[] = [];
  const free = new Map<string, number>();
  let asked = 0;
  const admission: Admission = createAdmission({
    clock,
    wheel: createTimerWheel({ clock }),
    maxQueue: () => maxQueue,
    queueTimeoutMs: () => queueTimeoutMs,
    ageingMs: () => ageingMs,
  });
  const enter = (name: string, { key = "caller", priority = 5, group = "", ends = true } = {}): boolean => {
    const call: Waiting = {
      key,
      priority,
      group: "",
      queuedAt: 0,
      isGranted: false,
      wake() {
        asked++;
        const left = free.get(group) ?? 0;
        if (left === 0) return false;
        free.set(group, left - 1);
        admission.leave(call);
        served.push(name);
        if (ends) admission.ended(call);
        return true;
      },
      displace: () => displaced.push(name),
    };
    return admission.enter(call, group);
  };
  const serve = (count = 1, group = ""): void => {
    free.set(group, (free.get(group) ?? 0) + count);
    admission.pump();
  };
  return { clock, admission, served, displaced, enter, serve, free, asked: () => asked };
}

describe("admission", () => {
  it("serves callers in turn, however many calls one of them has", () => {
    const { enter, serve, served } = setUp();
    for (let at = 1; at <= 5; at++) enter(`flood ${at}`, { key: "flood" });
    enter("ada 1", { key: "ada" });
    enter("bob 1", { key: "bob" });
    enter("ada 2", { key: "ada" });
    serve(6);
    expect(served).toEqual(["flood 1", "ada 1", "bob 1", "flood 2", "ada 2", "flood 3"]);
  });

  it("serves what is urgent first, and lets nothing starve", async () => {
    const { enter, serve, served, clock } = setUp({ ageingMs: 200, queueTimeoutMs: 60_000 });
    enter("low", { priority: 0 });
    enter("normal");
    enter("high", { priority: 9 });
    serve(2);
    expect(served).toEqual(["high", "normal"]);
    // High ones keep coming; after nine times 200 ms the low one is as urgent, and older.
    for (let at = 0; at < 10; at++) {
      await clock.advance(200);
      enter(`high ${at}`, { priority: 9 });
      serve();
    }
    expect(served.indexOf("low")).toBe(served.indexOf("high 7") + 1);
  });

  it("gives a place in a full queue to a caller with fewer, or to a more urgent call, but not to anybody else", () => {
    const { enter, displaced, admission } = setUp({ maxQueue: 3 });
    for (let at = 1; at <= 3; at++) expect(enter(`flood ${at}`, { key: "flood" })).toBe(true);
    expect(enter("flood 4", { key: "flood" })).toBe(false);
    expect(enter("ada", { key: "ada" })).toBe(true);
    expect(displaced).toEqual(["flood 3"]);
    expect(enter("flood, urgent", { key: "flood", priority: 9 })).toBe(true);
    expect(displaced).toEqual(["flood 3", "flood 2"]);
    expect(enter("low", { key: "bob", priority: 0 })).toBe(false);
    expect(admission.size).toBe(3);
  });

  it("refuses at once a caller that has its part of the places, while one alone may have all", () => {
    const { enter, displaced, admission } = setUp({ maxQueue: 8 });
    for (let at = 1; at <= 3; at++) expect(enter(`flood ${at}`, { key: "flood" })).toBe(true);
    expect(enter("ada 1", { key: "ada" })).toBe(true);
    // Half of the places are taken, and are counted from here on: four for each of two.
    expect(enter("flood 4", { key: "flood" })).toBe(true);
    expect(enter("flood 5", { key: "flood" })).toBe(false);
    for (let at = 2; at <= 4; at++) expect(enter(`ada ${at}`, { key: "ada" })).toBe(true);
    expect(admission.size).toBe(8);
    expect(displaced).toEqual([]);
    const alone = setUp({ maxQueue: 8 });
    for (let at = 1; at <= 8; at++) expect(alone.enter(`${at}`)).toBe(true);
  });

  it("does not let calls that only a busy upstream can serve hold up the others", () => {
    const { enter, serve, served } = setUp();
    enter("special", { group: "only a", priority: 9 });
    enter("any");
    serve();
    expect(served).toEqual(["any"]);
    serve(1, "only a");
    expect(served).toEqual(["any", "special"]);
  });

  it("looks again by itself while calls wait, and not at all while none does", async () => {
    const { enter, clock, served, free, asked } = setUp();
    enter("waits");
    await clock.advance(120);
    expect(asked()).toBeGreaterThan(0);
    // An open breaker that lets calls through again says nothing.
    free.set("", 1);
    await clock.advance(120);
    expect(served).toEqual(["waits"]);
    const before = asked();
    await clock.advance(1_000);
    expect(asked()).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it("serves the newest first once it has not been empty for longer than calls wait", async () => {
    const { enter, serve, served, clock } = setUp({ queueTimeoutMs: 2_000, ageingMs: 1e6 });
    enter("old");
    await clock.advance(2_100);
    enter("new");
    serve(2);
    expect(served).toEqual(["new", "old"]);
  });

  it("refuses at once what would wait in vain at the pace of late, and lets nobody in vain wait", async () => {
    const { enter, serve, served, admission, clock } = setUp({ maxQueue: 1_000, queueTimeoutMs: 2_000 });
    let refused = 0;
    // One call is served every 10 ms, ten come: for ten seconds.
    for (let at = 0; at < 1_000; at++) {
      for (let name = 0; name < 10; name++) if (!enter(`${at}`)) refused++;
      await clock.advance(10);
      serve();
      // Nobody waits for longer than it may.
      if (at > 300) expect(admission.oldestMs).toBeLessThan(2_000);
    }
    expect(served).toHaveLength(1_000);
    expect(admission.size).toBeLessThan(200);
    expect(refused).toBe(10_000 - 1_000 - admission.size);
  });

  it("has room for all that a pause brings, although nothing was served during it", async () => {
    const { enter, serve, clock, admission } = setUp({ maxQueue: 100, queueTimeoutMs: 2_000 });
    for (let at = 0; at < 100; at++) {
      enter(`${at}`);
      enter(`${at}`);
      await clock.advance(5);
      serve(2);
    }
    enter("first of the pause");
    enter("second");
    serve();
    await clock.advance(1_500);
    serve();
    for (let at = 0; at < 80; at++) expect(enter(`after ${at}`)).toBe(true);
    expect(admission.size).toBe(80);
  });

  it("keeps the order of a caller that is within its means, whatever another one has waiting", async () => {
    const { enter, serve, served, clock } = setUp({ queueTimeoutMs: 2_000, ageingMs: 1e6 });
    enter("flood 1", { key: "flood" });
    await clock.advance(2_100);
    enter("flood 2", { key: "flood" });
    enter("ada 1", { key: "ada" });
    enter("ada 2", { key: "ada" });
    serve(4);
    expect(served).toEqual(["flood 2", "ada 1", "flood 1", "ada 2"]);
  });

  it("serves a caller that has had more than its share after all others", async () => {
    const { enter, serve, served, clock } = setUp({ queueTimeoutMs: 60_000 });
    for (let at = 1; at <= 6; at++) enter(`flood ${at}`, { key: "flood", ends: false });
    enter("ada 1", { key: "ada", ends: false });
    serve(4);
    expect(served).toEqual(["flood 1", "ada 1", "flood 2", "flood 3"]);
    // Now that it is known who holds what, turns are not enough.
    await clock.advance(500);
    enter("bob 1", { key: "bob" });
    enter("ada 2", { key: "ada" });
    enter("bob 2", { key: "bob" });
    served.length = 0;
    serve(4);
    expect(served).toEqual(["bob 1", "ada 2", "bob 2", "flood 4"]);
  });

  it("says when to try again by the pace at which calls are served", async () => {
    const { enter, serve, admission, clock } = setUp();
    expect(admission.retryAfterMs()).toBe(1_000);
    for (let at = 0; at < 40; at++) enter(`${at}`);
    for (let at = 0; at < 30; at++) {
      await clock.advance(20);
      serve();
    }
    const { size } = admission;
    expect(admission.retryAfterMs()).toBeGreaterThan(size * 15);
    expect(admission.retryAfterMs()).toBeLessThan((size + 1) * 25);
    expect(admission.oldestMs).toBe(600);
  });
});
