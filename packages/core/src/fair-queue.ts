// Who is next: the most urgent class first, where waiting makes a call more urgent, so that nothing starves; within a
// class, keys take turns by weight (deficit round robin: Shreedhar & Varghese, 1995), those that have had too much after all
// others. Turns alone would give a key that always waits as much as any that waits now and then.

/** Something that waits. */
export interface Queued<P> {
  /** Whom queues are fair between. */
  readonly key: string;
  readonly priority: P;
  /** On the scale of the `now` that is passed in, in milliseconds. */
  readonly queuedAt: number;
}

/** See {@link createFairQueue}. */
export interface FairQueueOptions<P> {
  /** All priorities, the most urgent first. */
  readonly classes: readonly P[];
  /** After waiting this long a call counts as one class more urgent, after twice as long as two, and so on. */
  readonly ageingMs: number;
  /** A key's share relative to the others. */
  readonly weightOf: (key: string) => number;
  /**
   * By how much a key has had more than its share, from 0: keys with less come first, and only equals take turns.
   * @defaultValue 0 for all
   */
  readonly excessOf?: (key: string) => number;
}

/** A queue that is fair between keys, and in which nothing starves. */
export interface FairQueue<P, T extends Queued<P>> {
  readonly size: number;
  push(item: T): void;
  /** False when it is not in the queue (any more). */
  remove(item: T): boolean;
  /**
   * The next one, which stays in the queue; of its key the oldest, or the newest if the key has had something waiting since
   * before `newestBefore`. @param newestBefore `-Infinity` by default: the oldest always
   */
  peek(now: number, newestBefore?: number): T | undefined;
  /** Takes out one that {@link FairQueue.peek} gave, and uses up its key's turn; false when it is not in the queue any more. */
  serve(item: T): boolean;
  /** How many of a priority the key has waiting. */
  countOf(key: string, priority: P): number;
  /** How many keys have something of a priority waiting. */
  keysOf(priority: P): number;
  /** Takes out the next one. */
  shift(now: number, newestBefore?: number): T | undefined;
  /**
   * Takes out the newest call of the key that has most in the least urgent class, if that is less urgent than `priority`, or
   * as urgent and its key would still have more than `key` with one call more. Keeps one key from filling the queue.
   */
  pushOut(key: string, priority: P): T | undefined;
}

/** An empty queue. */
export function createFairQueue<P, T extends Queued<P>>({
  classes,
  ageingMs,
  weightOf,
  excessOf = () => 0,
}: FairQueueOptions<P>): FairQueue<P, T> {
  const rings = classes.map(() => new Map<string, Turn<T>>());
  let size = 0;

  return {
    get size() {
      return size;
    },
    push(item) {
      const ring = ringOf(item.priority);
      const turn = ring.get(item.key);
      if (turn === undefined)
        ring.set(item.key, {
          key: item.key,
          items: [item],
          since: item.queuedAt,
          weight: weightOf(item.key),
          deficit: 0,
          paid: false,
        });
      else turn.items.push(item);
      size += 1;
    },
    remove(item) {
      const ring = ringOf(item.priority);
      const turn = ring.get(item.key);
      return turn !== undefined && take(ring, turn, item);
    },
    peek: (now, newestBefore = Number.NEGATIVE_INFINITY) => next(now, newestBefore),
    serve,
    countOf: (key, priority) => ringOf(priority).get(key)?.items.length ?? 0,
    keysOf: (priority) => ringOf(priority).size,
    shift(now, newestBefore = Number.NEGATIVE_INFINITY) {
      const item = next(now, newestBefore);
      if (item !== undefined) serve(item);
      return item;
    },
    pushOut(key, priority) {
      const own = classes.indexOf(priority);
      for (let rank = classes.length - 1; rank >= own; rank -= 1) {
        const ring = rings[rank];
        const fattest = ring && fattestOf(ring);
        if (ring === undefined || fattest === undefined) continue;
        const mine = ((ring.get(key)?.items.length ?? 0) + 1) / weightOf(key);
        if (rank === own && fattest.items.length / fattest.weight <= mine) return undefined;
        const item = fattest.items.at(-1);
        if (item !== undefined) take(ring, fattest, item);
        return item;
      }
      return undefined;
    },
  };

  function serve(item: T): boolean {
    const ring = ringOf(item.priority);
    const turn = ring.get(item.key);
    if (turn === undefined || !take(ring, turn, item)) return false;
    turn.deficit -= 1;
    return true;
  }

  function next(now: number, newestBefore: number): T | undefined {
    let best: T | undefined;
    let bestRank = 0;
    for (const [rank, ring] of rings.entries()) {
      const turn = nextTurn(ring, excessOf);
      const item = turn?.items.at(turn.since < newestBefore ? -1 : 0);
      if (item === undefined) continue;
      const aged = rank - Math.floor((now - item.queuedAt) / ageingMs);
      const isOlder = best !== undefined && item.queuedAt < best.queuedAt;
      if (best === undefined || aged < bestRank || (aged === bestRank && isOlder)) {
        best = item;
        bestRank = aged;
      }
    }
    return best;
  }

  function ringOf(priority: P): Ring<T> {
    return rings[classes.indexOf(priority)] as Ring<T>;
  }

  function take(ring: Ring<T>, turn: Turn<T>, item: T): boolean {
    // Mostly the oldest, under overload the newest; only who leaves is in the middle.
    if (turn.items.at(-1) === item) turn.items.pop();
    else if (turn.items[0] === item) turn.items.shift();
    else {
      const index = turn.items.indexOf(item);
      if (index === -1) return false;
      turn.items.splice(index, 1);
    }
    size -= 1;
    if (turn.items.length === 0) ring.delete(turn.key);
    return true;
  }
}

/** The keys of a class in the order of their turns; the first one's turn it is. */
type Ring<T> = Map<string, Turn<T>>;

interface Turn<T> {
  readonly key: string;
  /** Oldest first. */
  readonly items: T[];
  /** Since when it has had something waiting. */
  readonly since: number;
  readonly weight: number;
  /** How many calls the key may still send in its turn. */
  deficit: number;
  /** Whether this turn's share has been added to the deficit. */
  paid: boolean;
}

/** Moves on to a key that may send; a key keeps its turn until it has used its share. */
function nextTurn<T>(ring: Ring<T>, excessOf: (key: string) => number): Turn<T> | undefined {
  for (;;) {
    const turn = first(ring, excessOf);
    if (turn === undefined) return undefined;
    if (!turn.paid) {
      turn.deficit += turn.weight;
      turn.paid = true;
    }
    if (turn.deficit >= 1) return turn;
    turn.paid = false;
    ring.delete(turn.key);
    ring.set(turn.key, turn);
  }
}

/** The first of those with the least excess. */
function first<T>(ring: Ring<T>, excessOf: (key: string) => number): Turn<T> | undefined {
  let best: Turn<T> | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const turn of ring.values()) {
    const excess = excessOf(turn.key);
    if (excess >= least) continue;
    if (excess === 0) return turn;
    best = turn;
    least = excess;
  }
  return best;
}

function fattestOf<T>(ring: Ring<T>): Turn<T> | undefined {
  let fattest: Turn<T> | undefined;
  for (const turn of ring.values())
    if (fattest === undefined || turn.items.length / turn.weight > fattest.items.length / fattest.weight)
      fattest = turn;
  return fattest;
}
