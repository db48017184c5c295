// One call over its attempts: the host for each, the waits between them, and no second attempt once anything of the answer
// has come.
import {
  type CallContext,
  CircuitOpenError,
  type Pipeline,
  pipeline,
  RetriesExhaustedError,
} from "@fairlead/core";
import { serving } from "./backend.ts";
import { isTimeLimit, LmStudioError, type LmStudioErrorCode } from "./errors.ts";
import { clientErrorOf, type Host } from "./host.ts";
import { createHostPool } from "./host-pool.ts";
import type { Pass } from "./model-gate.ts";
import { canonicalName } from "./model-names.ts";
import type { ClientSettings } from "./options.ts";
import type { WireName } from "./parts.ts";
import { wiresOf } from "./wire/index.ts";

/** What can be said about one call. */
export interface CallSettings {
  /** Ends the call at once with the signal's reason; the generation ends as well. */
  readonly signal?: AbortSignal;
  /** The whole call, in milliseconds. @defaultValue `totalTimeoutMs`, or `immediateTimeoutMs` */
  readonly timeoutMs?: number;
  /** Somebody waits: the shorter default limit. @defaultValue false */
  readonly immediate?: boolean;
  /** What it is for; `analysis`, `planning`, `research`, `code` and `review` have the complex time limit. */
  readonly intent?: string;
  /** As whom; `analyst`, `planner`, `researcher`, `architect` and `reviewer` have the complex time limit. */
  readonly role?: string;
  /** Name of the host to ask. @defaultValue the one that has the model loaded, and whose breaker is not open */
  readonly host?: string;
}

/** One attempt. */
export interface Attempt {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** From 1. */
  readonly number: number;
  /** Time that all attempts so far have waited here, in milliseconds. */
  readonly queueMs: number;
  /** The model has to be loaded first, by this attempt or before it. */
  readonly loads: boolean;
  /** The host has begun to answer. */
  answered(): void;
  /** From now on nothing may be tried again. */
  generated(): void;
}

interface Subject {
  readonly model?: string;
  /** In characters. */
  readonly promptLength: number;
  /** The beginning of the prompt; absent where no answer is generated. */
  readonly prefix?: string;
  /** Whether the host loads the model for it if it must: in place of another one, or beside it. @defaultValue it does not */
  readonly loads?: "in-place" | "beside";
  /** The endpoint that the host must have. */
  readonly wire?: WireName | undefined;
}

export type Caller = <T>(
  subject: Subject,
  call: CallSettings,
  attempt: (attempt: Attempt) => Promise<T>,
  onQueued?: (loads: boolean) => void,
) => Promise<T>;

/** What decides about another attempt. */
interface Retried {
  /** Another host is there that has not been asked. */
  mayMove(): boolean;
}

/** Errors that show that what is known of the host's models is wrong. */
const saysOtherwise: ReadonlySet<LmStudioErrorCode> = /* @__PURE__ */ new Set<LmStudioErrorCode>([
  "CONTENTION",
  "NO_MODEL_LOADED",
  "MODEL_NOT_FOUND",
  "MODEL_CRASHED",
  "MODEL_SUBSTITUTED",
  "MODEL_LOAD_FAILED",
]);

export function createCaller(hosts: readonly Host[], settings: ClientSettings): Caller {
  const { clock, random, maxRetries, backoffFactor, backoffBaseMs, onEvent } = settings;
  const attempts: Pipeline = pipeline({
    clock,
    retry: {
      maxAttempts: 1 + maxRetries,
      backoff: {
        kind: "equal-jitter",
        baseDelayMs: backoffBaseMs,
        maxDelayMs: Math.max(30_000, backoffBaseMs),
        factor: backoffFactor,
        random,
      },
      shouldRetry: (error, { request }) => {
        if (!(error instanceof LmStudioError)) return false;
        // After a time limit the host is still at work on it, so only another one may be asked.
        const elsewhere = isTimeLimit(error) && !error.generated && (request as Retried).mayMove();
        return error.isRetryable || elsewhere;
      },
    },
  });
  const pool = createHostPool(hosts, settings);

  return async function call<T>(
    { model, promptLength, prefix, loads, wire }: Subject,
    settingsOfCall: CallSettings,
    attempt: (attempt: Attempt) => Promise<T>,
    onQueued: (loads: boolean) => void = () => {},
  ): Promise<T> {
    const { signal, intent, role, immediate = false } = settingsOfCall;
    const { timeoutMs = immediate ? settings.immediateTimeoutMs : settings.totalTimeoutMs } = settingsOfCall;
    if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be above 0, got ${timeoutMs}`);
    const candidates = candidatesFor(model, wire, settingsOfCall.host);
    signal?.throwIfAborted();
    const request = {
      promptLength,
      ...(intent === undefined ? {} : { intent }),
      ...(role === undefined ? {} : { role }),
    };
    const tried = new Set<Host>();
    let made = 0;
    let begun = false;
    let queueMs = 0;
    const retried: Retried = { mayMove: () => candidates.some((host) => !tried.has(host)) };
    try {
      return await attempts.execute(
        async (context) => {
          made = context.attempt;
          if (model !== undefined) await pool.ready(candidates, context.signal);
          for (;;) {
            const lease = pool.acquire({ model, prefix, candidates, tried });
            const { host } = lease;
            tried.add(host);
            try {
              const value = await attemptAt(host, context);
              lease.release();
              return value;
            } catch (error) {
              const known = clientErrorOf(error, { host: host.name, model });
              lease.release(known);
              // A refusal by a host's own breaker costs no attempt while there are others.
              const refused = error instanceof CircuitOpenError;
              if (refused && candidates.some((other) => !tried.has(other))) continue;
              if (known instanceof LmStudioError)
                onEvent({ type: "attempt-failed", host: host.name, model, code: known.code, attempt: made });
              throw marked(known);
            }
          }
        },
        { ...(signal === undefined ? {} : { signal }), deadline: clock.now() + timeoutMs, request: retried },
      );
    } catch (error) {
      throw marked(finalOf(error));
    }

    async function attemptAt(host: Host, context: CallContext): Promise<T> {
      const { signal: ended } = context;
      const name = model === undefined || loads === undefined ? undefined : canonicalName(model);
      const arrivedAt = clock.now();
      const pass = name === undefined ? undefined : await host.gate?.enter(name, ended, loads === "in-place");
      if (pass?.loads === true) onQueued(true);
      try {
        const slot = prefix === undefined ? undefined : name;
        return await host.admission.run(slot, context, () => sent(host, context, pass, arrivedAt));
      } finally {
        pass?.leave();
      }
    }

    function sent(host: Host, context: CallContext, pass: Pass | undefined, arrivedAt: number): Promise<T> {
      const { attempt: number, signal: ended, deadline } = context;
      return host.guarded.execute(
        async (innermost) => {
          const sentAt = clock.now();
          let isAnswered = false;
          queueMs += sentAt - arrivedAt;
          try {
            const value = await attempt({
              host,
              signal: innermost.signal,
              number,
              queueMs,
              loads: pass?.loads === true,
              answered() {
                if (isAnswered) return;
                isAnswered = true;
                pass?.answered();
                if (pass?.loads === true) told(host, clock.now() - sentAt);
              },
              generated: () => {
                begun = true;
              },
            });
            host.counter.succeeded(clock.now() - sentAt);
            return value;
          } catch (error) {
            const known = innermost.signal.aborted ? clientErrorOf(innermost.signal.reason, {}) : error;
            host.counter.failed(known);
            if (known instanceof LmStudioError && saysOtherwise.has(known.code)) host.residency.stale();
            throw error;
          }
        },
        { signal: ended, deadline, request },
      );
    }

    function told({ name }: Host, durationMs: number): void {
      onEvent({ type: "load", host: name, model: model ?? "", durationMs });
    }

    function finalOf(error: unknown): unknown {
      return clientErrorOf(error instanceof RetriesExhaustedError ? error.lastError : error, { model });
    }

    function marked(error: unknown): unknown {
      if (!(error instanceof LmStudioError)) return error;
      error.model ??= model;
      error.generated ||= begun;
      error.attempts = Math.max(made, 1);
      return error;
    }
  };

  function candidatesFor(
    model: string | undefined,
    wire: WireName | undefined,
    name: string | undefined,
  ): readonly Host[] {
    const named = name === undefined ? undefined : hosts.filter((host) => host.name === name);
    if (named?.length === 0)
      throw new RangeError(`host must be one of ${hosts.map((host) => host.name).join(", ")}, got ${name}`);
    const serve = named ?? (model === undefined ? hosts : serving(hosts, model));
    if (serve.length === 0)
      throw new LmStudioError("MODEL_NOT_FOUND", `No host is there for ${model}; list it in hosts[].models`, {
        model,
      });
    const speak = wire === undefined ? serve : serve.filter(({ api }) => wiresOf[api].includes(wire));
    if (speak.length === 0)
      throw new LmStudioError(
        "INVALID_REQUEST",
        `${serve.map((host) => host.name).join(", ")} (${serve[0]?.api}) has no endpoint for ${wire}`,
        { model, host: serve[0]?.name },
      );
    return speak;
  }
}
