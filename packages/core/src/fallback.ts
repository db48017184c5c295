import type { CallContext, Policy } from "./call-context.ts";

/** See {@link createFallback}. */
export interface FallbackOptions {
  /** Gives the answer instead. What it throws, the call throws; `error` is its to pass on as `cause`. */
  readonly handle: (error: unknown, context: CallContext) => unknown;
  /** Whether this error is one to answer for. @defaultValue every error, unless the caller itself has gone */
  readonly shouldHandle?: (error: unknown) => boolean;
}

/** A second answer. */
export interface Fallback {
  readonly policy: Policy;
}

/**
 * Answers from elsewhere when everything further in has failed. Types cannot follow an answer through a policy: see that
 * `handle` returns what the operation would.
 */
export function createFallback({ handle, shouldHandle = () => true }: FallbackOptions): Fallback {
  return {
    policy: async <T>(
      context: CallContext,
      next: (context: CallContext) => PromiseLike<T> | T,
    ): Promise<T> => {
      try {
        return await next(context);
      } catch (error) {
        if (context.signal.aborted || !shouldHandle(error)) throw error;
        return (await handle(error, context)) as T;
      }
    },
  };
}
