import type { CallContext, Operation, Pipeline, Policy } from "./call-context.ts";
import { RootContext } from "./root-context.ts";

/**
 * One pipeline out of policies in the order written, the first one outermost: `compose(a, b)` runs
 * `a(context, (inner) => b(inner, operation))`.
 *
 * @example
 * ```ts
 * const guarded = compose(createFallback({ value: [] }).policy, pipeline({ timeoutMs: 5_000 }).policy, audit);
 * await guarded.execute(({ signal }) => listTools(signal));
 * ```
 */
export function compose(...policies: readonly Policy[]): Pipeline {
  const policy: Policy = (context, operation) => runFrom(policies, 0, context, operation);
  return {
    policy,
    execute(operation, options) {
      if (options?.signal?.aborted) return Promise.reject(options.signal.reason as unknown);
      return policy(new RootContext(options), operation);
    },
  };
}

async function runFrom<T>(
  policies: readonly Policy[],
  index: number,
  context: CallContext,
  operation: Operation<T>,
): Promise<T> {
  const policy = policies[index];
  if (policy === undefined) return operation(context);
  return policy(context, (inner) => runFrom(policies, index + 1, inner, operation));
}
