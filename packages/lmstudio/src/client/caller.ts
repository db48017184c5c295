// One call over its attempts: the host for each, the waits between them, and no second attempt once anything of the answer
// has come.
import {
  type CallContext,
  CircuitOpenError,
  type Pipeline,
  pipeline,
  RetriesExhaustedError,
} from "@fairlead/core";
import { LmStudioError } from "./errors.ts";
import { clientErrorOf, type Host } from "./host.ts";
import { createHostPool } from "./host-pool.ts";
import { canonicalName } from "./models.ts";
import type { ClientSettings } from "./options.ts";

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
  /** From now on nothing may be tried again. */
  generated(): void;
}

interface Subject {
  readonly model?: string;
  /** In characters. */
  readonly promptLength: number;
  /** The beginning of the prompt; absent where no answer is generated. */
  readonly prefix?: string;
}

export type Caller = <T>(
  subject: Subject,
  call: CallSettings,
  attempt: (attempt: Attempt) => Promise<T>,
) => Promise<T>;

export function createCaller(hosts: readonly Host[], settings: ClientSettings): Caller {
  const { clock, random, maxRetries, backoffFactor, backoffBaseMs } = settings;
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
      shouldRetry: (error) => error instanceof LmStudioError && error.isRetryable,
    },
  });

  const pool = createHostPool(hosts, settings);

  return async function call<T>(
    { model, promptLength, prefix }: Subject,
    settingsOfCall: CallSettings,
    attempt: (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    const { signal, intent, role, immediate = false } = settingsOfCall;
    const { timeoutMs = immediate ? settings.immediateTimeoutMs : settings.totalTimeoutMs } = settingsOfCall;
    if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs must be above 0, got ${timeoutMs}`);
    const candidates = hosts.filter(({ name }) => name === (settingsOfCall.host ?? name));
    if (candidates.length === 0)
      throw new RangeError(
        `host must be one of ${hosts.map(({ name }) => name).join(", ")}, got ${settingsOfCall.host}`,
      );
    signal?.throwIfAborted();
    const request = {
      promptLength,
      ...(intent === undefined ? {} : { intent }),
      ...(role === undefined ? {} : { role }),
    };
    const tried = new Set<Host>();
    let made = 0;
    let begun = false;
    try {
      return await attempts.execute(
        async (context) => {
          made = context.attempt;
          if (model !== undefined && candidates.length > 1) await pool.ready();
          for (;;) {
            const lease = pool.acquire({ model, prefix, candidates, tried });
            const { host } = lease;
            tried.add(host);
            try {
              const value = await attemptAt(host, context);
              lease.release();
              return value;
            } catch (error) {
              lease.release(clientErrorOf(error, {}));
              // A refusal by a host's own breaker costs no attempt while there are others.
              const refused = error instanceof CircuitOpenError;
              if (refused && candidates.some((other) => !tried.has(other))) continue;
              throw marked(clientErrorOf(error, { host: host.name, model }));
            }
          }
        },
        { ...(signal === undefined ? {} : { signal }), deadline: clock.now() + timeoutMs },
      );
    } catch (error) {
      throw marked(finalOf(error));
    }

    function attemptAt(host: Host, context: CallContext): Promise<T> {
      const { attempt: number, signal: ended, deadline } = context;
      const name = prefix === undefined || model === undefined ? undefined : canonicalName(model);
      return host.admission.run(name, context, () =>
        host.guarded.execute(
          (innermost) =>
            attempt({
              host,
              signal: innermost.signal,
              number,
              generated: () => {
                begun = true;
              },
            }),
          { signal: ended, deadline, request },
        ),
      );
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
}
