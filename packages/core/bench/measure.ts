/** Nanoseconds per call of each variant: the best of many batches, as noise only adds; batches take turns, so that all share it. */
export async function nanosecondsPerCall(
  variants: Readonly<Record<string, () => unknown>>,
  { calls = 20_000, batches = 25 } = {},
): Promise<Map<string, number>> {
  const best = new Map<string, number>();
  for (let batch = 0; batch < batches; batch += 1)
    for (const [name, call] of Object.entries(variants)) {
      const startedAt = performance.now();
      for (let index = 0; index < calls; index += 1) await call();
      const each = ((performance.now() - startedAt) / calls) * 1e6;
      best.set(name, Math.min(each, best.get(name) ?? Infinity));
      // Timers and garbage of one variant are not the next one's.
      await new Promise((resolve) => setImmediate(resolve));
    }
  return best;
}

/** As {@link nanosecondsPerCall}, for functions that return at once. */
export function nanosecondsPerSyncCall(call: () => unknown, calls = 1_000_000, batches = 20): number {
  let best = Infinity;
  for (let batch = 0; batch < batches; batch += 1) {
    const startedAt = performance.now();
    for (let index = 0; index < calls; index += 1) call();
    best = Math.min(best, ((performance.now() - startedAt) / calls) * 1e6);
  }
  return best;
}

/** Heap bytes per object, and system timers that all of them together hold. */
export function bytesEach(count: number, create: (index: number) => unknown): number {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("Run with --expose-gc");
  const kept: unknown[] = new Array(count).fill(undefined);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < count; index += 1) kept[index] = create(index);
  collect();
  const after = process.memoryUsage().heapUsed;
  return kept.length === count ? (after - before) / count : 0;
}
