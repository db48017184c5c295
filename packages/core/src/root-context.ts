import type { AbortScope } from "./abort-scope.ts";
import type { CallContext, CallOptions, Priority } from "./call-context.ts";

/** The context of a call before any policy; a signal that nobody gave is only made when it is read. */
export class RootContext implements CallContext {
  readonly attempt = 1;
  readonly deadline: number;
  readonly key: string | undefined;
  readonly priority: Priority | undefined;
  readonly request: unknown;
  /** What the caller gave, if anything. */
  given: AbortSignal | AbortScope | undefined;

  constructor(options: CallOptions | undefined) {
    this.deadline = options?.deadline ?? Infinity;
    this.key = options?.key;
    this.priority = options?.priority;
    this.request = options?.request;
    this.given = options?.signal;
  }

  get signal(): AbortSignal {
    this.given ??= new AbortController().signal;
    return "signal" in this.given ? this.given.signal : this.given;
  }
}
