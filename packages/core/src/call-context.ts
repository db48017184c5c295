// What an operation and the policies around it know of the call that they are part of.
import type { AbortScope } from "./abort-scope.ts";

/** What an operation, and each policy around it, is told of the call. */
export interface CallContext {
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** When the call must be done, on the clock's scale in milliseconds; `Infinity` without a limit. */
  readonly deadline: number;
  /** Aborts when this attempt is over before it has answered (its reason says why). Made when it is first read. */
  readonly signal: AbortSignal;
  /** Whom or what the call is for (a client, an endpoint); `undefined` when nobody said. */
  readonly key: string | undefined;
  /** Who goes first where calls queue; `undefined` is `normal`. */
  readonly priority?: Priority | undefined;
  /** What the call is about, as the caller gave it, for policies that decide by it. */
  readonly request?: unknown;
}

/** `high` goes before `normal` before `low`, but waiting makes every call more urgent. */
export type Priority = "high" | "normal" | "low";

/** What a caller can say about one call. */
export interface CallOptions {
  /** Ends the call at once, with the signal's reason, whatever it is doing. An {@link AbortScope} costs less. */
  readonly signal?: AbortSignal | AbortScope | undefined;
  /** When the call must be done, on the clock's scale in milliseconds (`clock.now() + 5_000`). */
  readonly deadline?: number;
  /** Whom or what the call is for; fair queues and keyed limits go by it. */
  readonly key?: string | undefined;
  /** Who goes first where calls queue. @defaultValue "normal" */
  readonly priority?: Priority | undefined;
  /** What the call is about (a prompt's length, a tool's name), for policies that decide by it. */
  readonly request?: unknown;
}

/** What is to be done, given to a policy as a function. */
export type Operation<T> = (context: CallContext) => PromiseLike<T> | T;

/**
 * A policy is a function around the next one: it may act before and after, call `next` again with the context that it got
 * or a changed copy, or not at all.
 *
 * @example
 * ```ts
 * const timed: Policy = async (context, next) => {
 *   const startedAt = performance.now();
 *   try {
 *     return await next(context);
 *   } finally {
 *     histogram.record(performance.now() - startedAt);
 *   }
 * };
 * ```
 */
export type Policy = <T>(context: CallContext, next: Operation<T>) => Promise<T>;

/** A policy or several, ready to run operations. */
export interface Pipeline {
  /**
   * Runs the operation under the policies.
   *
   * @throws the signal's reason when `options.signal` aborts.
   */
  execute<T>(operation: Operation<T>, options?: CallOptions): Promise<T>;
  /** The same as a policy, to be put between others with `compose`. */
  readonly policy: Policy;
}
