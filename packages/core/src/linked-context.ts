import type { CallContext, Priority } from "./call-context.ts";

/** A part of a call that can be aborted on its own, and is aborted with it. `unlink` when it is over. */
export interface LinkedContext extends CallContext {
  abort(reason: unknown): void;
  unlink(): void;
}

/** @param changes - what is different for this part */
export function linkContext(
  parent: CallContext,
  { attempt = parent.attempt, deadline = parent.deadline }: { attempt?: number; deadline?: number } = {},
): LinkedContext {
  return new Linked(parent, attempt, deadline);
}

class Linked implements LinkedContext {
  readonly attempt: number;
  readonly deadline: number;
  readonly key: string | undefined;
  readonly priority: Priority | undefined;
  readonly request: unknown;
  readonly #parent: AbortSignal;
  readonly #controller = new AbortController();

  constructor(parent: CallContext, attempt: number, deadline: number) {
    this.attempt = attempt;
    this.deadline = deadline;
    this.key = parent.key;
    this.priority = parent.priority;
    this.request = parent.request;
    this.#parent = parent.signal;
    if (this.#parent.aborted) this.handleEvent();
    else this.#parent.addEventListener("abort", this);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  handleEvent(): void {
    this.#controller.abort(this.#parent.reason);
  }

  abort(reason: unknown): void {
    this.unlink();
    this.#controller.abort(reason);
  }

  unlink(): void {
    this.#parent.removeEventListener("abort", this);
  }
}
