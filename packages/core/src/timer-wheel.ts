// One coarse timer for any number of timeouts (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987). Nearly
// every timeout is cancelled: here that is two pointer writes, and arming one reads no clock.
import { type Clock, setTimerOn, systemClock } from "./clock.ts";
import { positiveMs } from "./validate.ts";

/** See {@link createTimerWheel}. */
export interface TimerWheelOptions {
  /** @defaultValue systemClock */
  readonly clock?: Clock;
  /** How often due timers are looked for, in milliseconds; what is late is so by less than two ticks. @defaultValue 10 */
  readonly tickMs?: number;
}

/** What {@link TimerWheel.schedule} returned; only good for {@link TimerWheel.cancel}. */
export interface TimerHandle {
  readonly delayMs: number;
}

/** One coarse timer for any number of timeouts. */
export interface TimerWheel {
  /**
   * Runs `callback(argument)` once, never before `delayMs` have passed and less than two ticks later (plus what the event
   * loop is behind). The argument saves a closure per call. The timer does not keep the process alive.
   *
   * @throws RangeError when `delayMs` is negative or not finite.
   */
  schedule<T = undefined>(delayMs: number, callback: (argument: T) => void, argument?: T): TimerHandle;
  /** Does nothing when it has already run or been cancelled. */
  cancel(handle: TimerHandle): void;
  /** Timers that wait. */
  readonly size: number;
}

/** The wheel ticks only while timers wait; an empty one holds no timer of the system. */
export function createTimerWheel({ clock = systemClock, tickMs = 10 }: TimerWheelOptions = {}): TimerWheel {
  positiveMs("tickMs", tickMs);
  // A timer armed between two ticks is dated from the next tick: late by part of a tick, never early, and most are
  // cancelled before that and so never sorted into a slot.
  const fresh = new Node(0, ignore, undefined);
  const expired = new Node(0, ignore, undefined);
  const slots: Node[] = [];
  let size = 0;
  let ticking = false;
  let yielded = false;
  let startedAt = 0;
  let lastTickAt = 0;
  let currentTick = 0;

  return {
    schedule(delayMs, callback, argument) {
      if (!(delayMs >= 0 && delayMs < Infinity))
        throw new RangeError(`delayMs must be a finite number from 0, got ${String(delayMs)}`);
      const node = new Node(delayMs, callback as (argument: unknown) => void, argument);
      append(fresh, node);
      size += 1;
      if (!ticking) start();
      return node;
    },
    cancel(handle) {
      if (handle instanceof Node && handle.linked) {
        unlink(handle);
        size -= 1;
      }
    },
    get size() {
      return size;
    },
  };

  function start(): void {
    ticking = true;
    startedAt = lastTickAt = clock.now();
    currentTick = 0;
    setTimerOn(clock, tick, tickMs);
  }

  function tick(): void {
    const now = clock.now();
    if (!yielded && now - lastTickAt > stallTicks * tickMs) {
      // The event loop was blocked: answers may lie in the sockets. They are read first, in the turn before this returns.
      yielded = true;
      setTimerOn(clock, tick, 1);
      return;
    }
    yielded = false;
    lastTickAt = now;
    const until = Math.floor((now - startedAt) / tickMs);
    const first = Math.max(currentTick + 1, until - slotCount + 1);
    for (let at = first; at <= until; at += 1) collectDue(slotOf(at), until);
    currentTick = until;
    for (let node = fresh.next; node !== fresh; node = fresh.next) {
      unlink(node);
      node.dueTick = Math.ceil((now - startedAt + node.delayMs) / tickMs);
      append(node.dueTick <= until ? expired : slotOf(node.dueTick), node);
    }
    runExpired();
    if (size > 0) setTimerOn(clock, tick, tickMs);
    else ticking = false;
  }

  function slotOf(at: number): Node {
    slots[at % slotCount] ??= new Node(0, ignore, undefined);
    return slots[at % slotCount] as Node;
  }

  function collectDue(slot: Node, until: number): void {
    for (let node = slot.next; node !== slot; ) {
      const { next } = node;
      if (node.dueTick <= until) {
        unlink(node);
        append(expired, node);
      }
      node = next;
    }
  }

  function runExpired(): void {
    for (let node = expired.next; node !== expired; node = expired.next) {
      unlink(node);
      size -= 1;
      try {
        node.callback(node.argument);
      } catch (error) {
        // As with setTimeout: the process hears of it, the other timers run.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

const slotCount = 512;
const stallTicks = 5;

/** A timer in a circular list; the head of each list is one too. */
class Node implements TimerHandle {
  readonly delayMs: number;
  readonly callback: (argument: unknown) => void;
  readonly argument: unknown;
  dueTick = 0;
  next: Node = this;
  previous: Node = this;

  constructor(delayMs: number, callback: (argument: unknown) => void, argument: unknown) {
    this.delayMs = delayMs;
    this.callback = callback;
    this.argument = argument;
  }

  get linked(): boolean {
    return this.next !== this;
  }
}

function append(head: Node, node: Node): void {
  const last = head.previous;
  node.previous = last;
  node.next = head;
  last.next = node;
  head.previous = node;
}

function unlink(node: Node): void {
  node.previous.next = node.next;
  node.next.previous = node.previous;
  node.next = node;
  node.previous = node;
}

function ignore(): void {}

/** The wheel that all policies use unless they are given one. */
export const sharedTimerWheel: TimerWheel = /* @__PURE__ */ createTimerWheel();
