// The bulkhead against plain lists: who runs, who waits, and whose turn it is.
import fc from "fast-check";
import type { createBulkhead } from "../../src/bulkhead.ts";
import type { Priority } from "../../src/call-context.ts";
import type { Permit } from "../../src/permit.ts";

const classes: readonly Priority[] = ["high", "normal", "low"];
const ageingMs = 100;

interface Call {
  readonly id: number;
  readonly key: string;
  readonly priority: Priority;
  readonly at: number;
}

interface Turn {
  readonly key: string;
  readonly calls: Call[];
  credit: number;
  begun: boolean;
}

function weightOf(key: string): number {
  return key === "b" ? 2 : 1;
}

/** Takes out the call that must run next. */
function takeNext(turns: Record<Priority, Turn[]>, now: number): Call | undefined {
  const heads = classes.flatMap((priority, rank) => {
    const list = turns[priority];
    for (;;) {
      const [turn] = list;
      if (turn === undefined) return [];
      if (!turn.begun) turn.credit += weightOf(turn.key);
      turn.begun = true;
      const [call] = turn.calls;
      if (turn.credit >= 1 && call !== undefined)
        return [{ turn, call, list, rank: rank - Math.floor((now - call.at) / ageingMs) }];
      turn.begun = false;
      list.push(...list.splice(0, 1));
    }
  });
  const [best] = heads.sort((a, b) => a.rank - b.rank || a.call.at - b.call.at);
  if (best === undefined) return undefined;
  best.turn.credit -= 1;
  best.turn.calls.shift();
  if (best.turn.calls.length === 0) best.list.splice(best.list.indexOf(best.turn), 1);
  return best.call;
}

const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      key: fc.constantFrom("a", "b", "c"),
      priority: fc.constantFrom(...classes),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("end" as const), which: fc.nat(5), twice: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(150) }) },
);

/** Throws when calls start in another order than the lists say, or too many run, or none while one could. */
export async function checkAdmission(create: typeof createBulkhead, seed: number): Promise<void> {
  const limits = fc.record({ limit: fc.integer({ min: 1, max: 2 }), maxQueue: fc.constant(1_000) });
  await fc.assert(
    fc.asyncProperty(
      limits,
      fc.array(command, { minLength: 1, maxLength: 120, size: "max" }),
      async (chosen, commands) => {
        let now = 0;
        const clock = { now: () => now, sleep: () => Promise.resolve() };
        const bulkhead = create({ ...chosen, ageingMs, weightOf, clock });
        const started: { readonly id: number; readonly permit: Permit }[] = [];
        const order: number[] = [];
        const expected: number[] = [];
        const turns: Record<Priority, Turn[]> = { high: [], normal: [], low: [] };
        let running = 0;
        let asked = 0;
        for (const step of commands) {
          if (step.kind === "advance") now += step.ms;
          else if (step.kind === "ask") {
            const call: Call = { id: asked++, key: step.key, priority: step.priority, at: now };
            void bulkhead.acquire(step).then((permit) => {
              order.push(call.id);
              started.push({ id: call.id, permit });
            });
            if (running < chosen.limit) {
              running += 1;
              expected.push(call.id);
            } else {
              const turn = turns[call.priority].find(({ key }) => key === call.key);
              if (turn === undefined)
                turns[call.priority].push({ key: call.key, calls: [call], credit: 0, begun: false });
              else turn.calls.push(call);
            }
          } else {
            const [ended] = started.splice(step.which % Math.max(1, started.length), 1);
            if (ended === undefined) continue;
            ended.permit.release();
            if (step.twice) ended.permit.release();
            const next = takeNext(turns, now);
            if (next === undefined) running -= 1;
            else expected.push(next.id);
          }
          await new Promise((resolve) => setImmediate(resolve));
          if (order.join() !== expected.join())
            throw new Error(`started ${order.join()}, expected ${expected.join()}`);
          if (bulkhead.inFlight !== running)
            throw new Error(`${bulkhead.inFlight} in flight, expected ${running}`);
        }
      },
    ),
    { seed, numRuns: 150 },
  );
}

/** Throws when more wait than may, a call gets no answer or two, or anything is left at the end. */
export async function checkAdmissionBounds(create: typeof createBulkhead, seed: number): Promise<void> {
  const limits = fc.record({ limit: fc.integer({ min: 1, max: 3 }), maxQueue: fc.nat(4) });
  await fc.assert(
    fc.asyncProperty(
      limits,
      fc.array(command, { minLength: 1, maxLength: 120, size: "max" }),
      async (chosen, commands) => {
        let now = 0;
        const clock = { now: () => now, sleep: () => Promise.resolve() };
        const bulkhead = create({ ...chosen, ageingMs, weightOf, clock });
        const permits: Permit[] = [];
        let asked = 0;
        let answered = 0;
        const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
        for (const step of commands) {
          if (step.kind === "advance") now += step.ms;
          else if (step.kind === "ask") {
            asked += 1;
            bulkhead.acquire(step).then(
              (permit) => {
                answered += 1;
                permits.push(permit);
              },
              () => {
                answered += 1;
              },
            );
          } else permits.shift()?.release();
          await flush();
          if (permits.length > chosen.limit) throw new Error(`${permits.length} run`);
          if (bulkhead.queueLength > chosen.maxQueue) throw new Error(`${bulkhead.queueLength} wait`);
          if (asked !== answered + bulkhead.queueLength)
            throw new Error(`${asked} asked, ${answered} answered`);
          if (bulkhead.queueLength > 0 && permits.length < chosen.limit) throw new Error("a slot is idle");
        }
        while (permits.length > 0) {
          permits.shift()?.release();
          await flush();
        }
        if (bulkhead.inFlight + bulkhead.queueLength > 0 || asked !== answered)
          throw new Error("something is left");
      },
    ),
    { seed, numRuns: 100 },
  );
}
