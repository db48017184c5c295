// `subscriptions/listen` with one modern server: the one stream on which it tells of changed lists and resources, for all
// clients together. It is opened again when it ends, and replaced by one that asks for more when more is wanted.
import type { Clock } from "@fairlead/core";
import { integerOf } from "../wire/envelope.ts";
import type { UpstreamConnection } from "./connection.ts";
import { printRequest } from "./control.ts";

export interface UpstreamListenOptions {
  readonly clock: Clock;
  /** What to ask for; read anew whenever a stream is opened. */
  readonly filter: () => Readonly<Record<string, unknown>>;
  /** The stream broke off. */
  readonly onBroken: () => void;
  /** A stream stands again after one that ended: what changed meanwhile was not told. */
  readonly onResumed: () => void;
}

export interface UpstreamListen {
  /** Opens a stream with what the filter says now, and then ends the one before. Resolves when it is acknowledged, or will not be. */
  renew(): Promise<void>;
  stop(): void;
}

interface Stream {
  id: number;
  /** Whether the server agreed; rejects never. */
  readonly acknowledged: Promise<boolean>;
}

/** How long to wait for the acknowledgement before going on without it. */
const ACKNOWLEDGE_MS = 2_000;
const MIN_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
const METHOD_NOT_FOUND = -32_601;

/** Nothing is opened before the first {@link UpstreamListen.renew}. */
export function createUpstreamListen(
  connection: UpstreamConnection,
  { clock, filter, onBroken, onResumed }: UpstreamListenOptions,
): UpstreamListen {
  const stopping = new AbortController();
  let current: Stream | undefined;
  let renewing: Promise<void> | undefined;
  let again = false;
  let delayMs = MIN_DELAY_MS;

  return {
    renew,
    stop() {
      if (stopping.signal.aborted) return;
      stopping.abort(new Error("the connection ends"));
      if (current !== undefined) connection.cancel(current.id, "no longer needed");
    },
  };

  /** Many that want more at a time become one new stream. */
  function renew(): Promise<void> {
    if (renewing !== undefined) {
      again = true;
      return renewing;
    }
    renewing = replace().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function replace(): Promise<void> {
    do {
      again = false;
      if (stopping.signal.aborted) return;
      const before = current;
      if (Object.keys(filter()).length === 0) current = undefined;
      else {
        current = open();
        await current.acknowledged;
      }
      if (before !== undefined) connection.cancel(before.id, "replaced by another subscription");
    } while (again);
  }

  function open(): Stream {
    const waiting = new AbortController();
    let settle: (agreed: boolean) => void = () => {};
    const acknowledged = new Promise<boolean>((resolve) => {
      settle = (agreed) => {
        waiting.abort();
        resolve(agreed);
      };
    });
    const stream: Stream = { id: 0, acknowledged };
    stream.id = connection.send({
      method: "subscriptions/listen",
      isStream: true,
      encode: (id, target) => printRequest(id, "subscriptions/listen", { notifications: filter() }, target),
      onNotification(_message, { method }) {
        if (method !== "notifications/subscriptions/acknowledged") return;
        delayMs = MIN_DELAY_MS;
        settle(true);
      },
      onAnswer(message, { kind, errorCode }) {
        settle(false);
        if (kind === "error" && integerOf(message, errorCode) === METHOD_NOT_FOUND) forget(stream);
        else reopenLater(stream);
      },
      onFailure({ kind }) {
        settle(false);
        if (kind === "closed") forget(stream);
        else {
          if (kind === "transport") onBroken();
          reopenLater(stream);
        }
      },
    });
    clock.sleep(ACKNOWLEDGE_MS, waiting.signal).then(
      () => settle(false),
      () => {},
    );
    return stream;
  }

  function forget(stream: Stream): void {
    if (current === stream) current = undefined;
  }

  function reopenLater(stream: Stream): void {
    if (current !== stream) return;
    current = undefined;
    const waitMs = delayMs;
    delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
    clock.sleep(waitMs, stopping.signal).then(reopen, () => {});
  }

  async function reopen(): Promise<void> {
    // Somebody else may have opened one in the meantime.
    if (current === undefined) await renew();
    if (current !== undefined && (await current.acknowledged)) onResumed();
  }
}
