// One look at whether a server is well: a ping, or whatever its operator calls well.
import type { Clock } from "@fairlead/core";
import type { HealthCheck } from "../config.ts";
import type { UpstreamConnection } from "./connection.ts";
import { ControlError, controlRequest } from "./control.ts";

export interface HealthCheckOptions {
  readonly id: string;
  readonly timeoutMs: number;
  /** Instead of a ping. */
  readonly check: HealthCheck | undefined;
  readonly clock: Clock;
}

export interface HealthProblem {
  readonly message: string;
  /** The connection itself is of no more use. */
  readonly isBroken: boolean;
}

/** A question that breaks off in the middle is asked again on another connection, which shows whether there is one. */
const MAX_QUESTIONS = 3;

/** Undefined when all is well. */
export async function checkHealth(
  connection: UpstreamConnection,
  options: HealthCheckOptions,
): Promise<HealthProblem | undefined> {
  for (let questions = 1; ; questions++) {
    try {
      await (options.check === undefined
        ? ping(connection, options)
        : run(options.check, connection, options));
      return undefined;
    } catch (error) {
      const failure = error instanceof ControlError ? error.failure : undefined;
      const isBroken = failure?.kind === "transport" && failure.status === undefined;
      if (isBroken && failure.executed === "maybe" && questions < MAX_QUESTIONS) continue;
      const message = error instanceof Error ? error.message : String(error);
      return { message, isBroken: isBroken && failure.executed === "no" };
    }
  }
}

async function ping(connection: UpstreamConnection, { timeoutMs, clock }: HealthCheckOptions): Promise<void> {
  // Modern servers know no ping; discovery is what every one of them must answer.
  const method = connection.target.era === "modern" ? "server/discover" : "ping";
  try {
    await controlRequest(connection, method, {}, timeoutMs, clock);
  } catch (error) {
    // An error is an answer too: some servers do not know ping.
    if (!(error instanceof ControlError) || error.rpcCode === undefined) throw error;
  }
}

async function run(
  check: HealthCheck,
  connection: UpstreamConnection,
  { id, timeoutMs, clock }: HealthCheckOptions,
): Promise<void> {
  const over = new AbortController();
  const timeout = clock.sleep(timeoutMs, over.signal).then(
    () => {
      throw new Error(`its health check took longer than ${timeoutMs / 1_000} s`);
    },
    () => {},
  );
  try {
    const checking = Promise.resolve(
      check({
        id,
        signal: over.signal,
        async request(method, params = {}) {
          const { message, result } = await controlRequest(connection, method, params, timeoutMs, clock);
          return JSON.parse(message.toString("utf8", result.start, result.end)) as unknown;
        },
      }),
    );
    await Promise.race([checking, timeout]);
  } finally {
    over.abort();
  }
}
