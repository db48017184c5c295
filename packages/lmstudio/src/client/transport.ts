// One host's connections: a request out, the answer in pieces, each with a time limit of its own.
import {
  type Clock,
  createTimerWheel,
  sharedTimerWheel,
  systemClock,
  type TimerHandle,
} from "@fairlead/core";
import { Pool } from "undici";
import { LmStudioError } from "./errors.ts";
import type { ClientSettings, HostSettings } from "./options.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** From `/v1` or `/api` on. */
  readonly path: string;
  readonly body?: unknown;
}

interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfterMs: number | undefined;
  /** The body, decoded. Leaving it early breaks the connection off, which ends the generation. */
  pieces(): AsyncGenerator<string>;
  /** All of it. */
  text(): Promise<string>;
}

export interface Transport {
  /** @throws {@link LmStudioError} about connection and time; the signal's reason when it aborts. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** Breaks everything off. */
  close(): Promise<void>;
}

export function createTransport(host: HostSettings, settings: ClientSettings): Transport {
  const { clock, headersTimeoutMs, idleTimeoutMs, maxAnswerBytes } = settings;
  const wheel = wheelOf(clock);
  const pool = new Pool(host.origin, {
    connections: settings.maxConnections,
    connect: { timeout: settings.connectTimeoutMs },
    // LM Studio closes idle connections after 5 s; being first avoids requests into a closing one.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 4_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const facts = { host: host.name };
  return { send, close: () => pool.destroy() };

  async function send({ method, path, body }: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const timer = limit("HEADERS_TIMEOUT", headersTimeoutMs, stop);
    try {
      const response = await pool.request({
        method,
        path: host.prefix + path.replace(/^\/v1(?=\/)/, `/${host.version}`),
        headers: {
          accept: "text/event-stream, application/json",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...tokenHeaders(host),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: either,
      });
      const pieces = (): AsyncGenerator<string> => read(response.body, stop, either);
      return {
        status: response.statusCode,
        contentType: String(response.headers["content-type"] ?? ""),
        retryAfterMs: secondsOf(response.headers["retry-after"]),
        pieces,
        text: async () => {
          let text = "";
          for await (const piece of pieces()) text += piece;
          return text;
        },
      };
    } catch (error) {
      throw failureOf(error, either);
    } finally {
      wheel.cancel(timer);
    }
  }

  async function* read(
    body: AsyncIterable<Buffer>,
    stop: AbortController,
    either: AbortSignal,
  ): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    let bytes = 0;
    let timer = limit("IDLE_TIMEOUT", idleTimeoutMs, stop);
    try {
      for await (const chunk of body) {
        wheel.cancel(timer);
        bytes += chunk.length;
        if (bytes > maxAnswerBytes)
          throw new LmStudioError(
            "ANSWER_TOO_LARGE",
            `The answer is longer than ${maxAnswerBytes} bytes`,
            facts,
          );
        yield decoder.decode(chunk, { stream: true });
        timer = limit("IDLE_TIMEOUT", idleTimeoutMs, stop);
      }
    } catch (error) {
      throw failureOf(error, either);
    } finally {
      wheel.cancel(timer);
    }
  }

  function limit(
    code: "HEADERS_TIMEOUT" | "IDLE_TIMEOUT",
    timeoutMs: number,
    stop: AbortController,
  ): TimerHandle {
    return wheel.schedule(timeoutMs, () =>
      stop.abort(
        new LmStudioError(code, `${host.name} sent nothing for ${timeoutMs} ms`, { ...facts, timeoutMs }),
      ),
    );
  }

  function failureOf(error: unknown, either: AbortSignal): unknown {
    if (either.aborted) return either.reason;
    if (error instanceof LmStudioError) return error;
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    if (code === "UND_ERR_CONNECT_TIMEOUT") {
      const timeoutMs = settings.connectTimeoutMs;
      const message = `No connection to ${host.name} within ${timeoutMs} ms`;
      return new LmStudioError("CONNECT_TIMEOUT", message, { ...facts, timeoutMs, cause: error });
    }
    if (code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED")
      return new LmStudioError("CLIENT_CLOSED", "The client is closed", { ...facts, cause: error });
    const reason = error instanceof Error ? error.message : String(error);
    return new LmStudioError("CONNECTION_FAILED", `Connection to ${host.name} failed: ${reason}`, {
      ...facts,
      cause: error,
    });
  }
}

function tokenHeaders({ api, apiToken }: HostSettings): Record<string, string> {
  const version: Record<string, string> = api === "anthropic" ? { "anthropic-version": "2023-06-01" } : {};
  if (apiToken === undefined) return version;
  return api === "anthropic"
    ? { ...version, "x-api-key": apiToken }
    : { authorization: `Bearer ${apiToken}` };
}

function wheelOf(clock: Clock): ReturnType<typeof createTimerWheel> {
  return clock === systemClock ? sharedTimerWheel : createTimerWheel({ clock });
}

/** `Retry-After` in seconds; dates are not read, since LM Studio sends none. */
function secondsOf(header: string | string[] | undefined): number | undefined {
  const seconds = Number(header);
  return header === undefined || !(seconds >= 0) ? undefined : seconds * 1_000;
}
