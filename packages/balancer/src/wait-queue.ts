// Late binding: when every endpoint is full, requests wait here rather than in front of an endpoint that may
// turn out to be the slow one. HAProxy has held its queue in the proxy for twenty years; for hosts that work on
// one request at a time it is the largest gain there is.
import type { Clock } from "@fairlead/core";
import type { AcquireRequest } from "./acquire-request.ts";
import { NoEndpointError, QueueFullError } from "./errors.ts";
import { createIndexedHeap, type HeapEntry, type IndexedHeap } from "./indexed-heap.ts";
import type { Lease } from "./lease.ts";

/**
 * Which waiting request goes next.
 *
 * - `fifo`: the one that came first.
 * - `priority`: the lowest {@link AcquireRequest.priority}.
 * - `shortest-first`: the lowest {@link AcquireRequest.cost}, a guess that may be wrong by a factor of e and
 *   still cuts the median wait by an order of magnitude.
 */
export type QueueOrder = "fifo" | "priority" | "shortest-first";

/** Options of the queue behind {@link Balancer.wait}. */
export interface QueueOptions {
  /** Requests that may wait; an integer ≥ 0. @defaultValue 1_000 */
  readonly maxWaiting?: number;
  /** @defaultValue `"fifo"` */
  readonly order?: QueueOrder;
  /**
   * Waiting this long, in ms, counts as much as one unit of priority or cost, so that nothing starves;
   * `Infinity` switches ageing off.
   *
   * @defaultValue 10_000
   */
  readonly ageingMs?: number;
}

export interface WaitQueue {
  readonly size: number;
  wait(request: AcquireRequest, signal: AbortSignal | undefined): Promise<Lease>;
  /** Call whenever an endpoint may have become free or gone. */
  pump(): void;
  /** Rejects everyone who waits. */
  close(): void;
}

interface Waiter extends HeapEntry {
  readonly request: AcquireRequest;
  readonly resolve: (lease: Lease) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Creates the queue.
 *
 * @param tryAcquire - hands out a lease now, or nothing
 * @param mayServeLater - whether an endpoint that is merely full could serve the request
 */
export function createWaitQueue(
  options: QueueOptions,
  clock: Clock,
  tryAcquire: (request: AcquireRequest) => Lease | undefined,
  mayServeLater: (request: AcquireRequest) => boolean,
): WaitQueue {
  const { maxWaiting = 1_000, order = "fifo", ageingMs = 10_000 } = options;
  if (!(Number.isInteger(maxWaiting) && maxWaiting >= 0))
    throw new RangeError(`queue.maxWaiting must be an integer >= 0, got ${maxWaiting}`);
  if (order !== "fifo" && order !== "priority" && order !== "shortest-first")
    throw new RangeError(`queue.order must be fifo, priority or shortest-first, got ${String(order)}`);
  if (!(ageingMs > 0)) throw new RangeError(`queue.ageingMs must be > 0, got ${ageingMs}`);
  // One heap per set of filters: a request that only a busy endpoint can serve holds up no other.
  const heaps = new Map<string, IndexedHeap<Waiter>>();
  let size = 0;
  let arrivals = 0;
  let pumping = false;

  return {
    get size() {
      return size;
    },
    wait,
    pump,
    close() {
      for (const heap of heaps.values())
        for (let waiter = heap.peek(); waiter !== undefined; waiter = heap.peek()) {
          heap.delete(waiter);
          waiter.reject(new NoEndpointError("the balancer was closed"));
        }
      heaps.clear();
      size = 0;
    },
  };

  function wait(request: AcquireRequest, signal: AbortSignal | undefined): Promise<Lease> {
    if (signal?.aborted) return Promise.reject(signal.reason as unknown);
    const filters = filtersOf(request);
    // Whoever comes now must not overtake those who wait for the same endpoints.
    const lease = heaps.has(filters) ? undefined : tryAcquire(request);
    if (lease !== undefined) return Promise.resolve(lease);
    if (!mayServeLater(request))
      return Promise.reject(new NoEndpointError("none of the endpoints can serve this request"));
    if (size >= maxWaiting) return Promise.reject(new QueueFullError(maxWaiting));
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        leave(filters, waiter);
        reject(signal?.reason as unknown);
      };
      const waiter: Waiter = {
        request,
        rank: rank(request),
        order: ++arrivals,
        index: -1,
        resolve(handedOut) {
          signal?.removeEventListener("abort", abort);
          resolve(handedOut);
        },
        reject(reason) {
          signal?.removeEventListener("abort", abort);
          reject(reason);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      let heap = heaps.get(filters);
      if (heap === undefined) {
        heap = createIndexedHeap();
        heaps.set(filters, heap);
      }
      heap.push(waiter);
      size += 1;
    });
  }

  /** Ageing is the same for all who wait, so that the order between two of them never changes. */
  function rank(request: AcquireRequest): number {
    if (order === "fifo") return 0;
    const base = order === "priority" ? (request.priority ?? 0) : (request.cost ?? 1);
    return ageingMs === Number.POSITIVE_INFINITY ? base : base + clock.now() / ageingMs;
  }

  function pump(): void {
    if (size === 0 || pumping) return;
    pumping = true;
    const blocked = new Set<string>();
    for (;;) {
      const filters = nextHeap(blocked);
      if (filters === undefined) break;
      const waiter = heaps.get(filters)?.peek();
      if (waiter === undefined) break;
      const lease = tryAcquire(waiter.request);
      if (lease !== undefined) {
        leave(filters, waiter);
        waiter.resolve(lease);
      } else if (mayServeLater(waiter.request)) blocked.add(filters);
      else {
        leave(filters, waiter);
        waiter.reject(new NoEndpointError("none of the endpoints can serve this request any more"));
      }
    }
    pumping = false;
  }

  function nextHeap(blocked: ReadonlySet<string>): string | undefined {
    let best: Waiter | undefined;
    let bestFilters: string | undefined;
    for (const [filters, heap] of heaps) {
      const head = heap.peek();
      if (head === undefined || blocked.has(filters)) continue;
      if (
        best !== undefined &&
        (head.rank > best.rank || (head.rank === best.rank && head.order > best.order))
      )
        continue;
      best = head;
      bestFilters = filters;
    }
    return bestFilters;
  }

  function leave(filters: string, waiter: Waiter): void {
    const heap = heaps.get(filters);
    if (heap === undefined || waiter.index < 0) return;
    heap.delete(waiter);
    size -= 1;
    if (heap.size === 0) heaps.delete(filters);
  }
}

function filtersOf({ capabilities, tags, exclude }: AcquireRequest): string {
  if (capabilities === undefined && tags === undefined && exclude === undefined) return "";
  return JSON.stringify([capabilities, tags, exclude]);
}
