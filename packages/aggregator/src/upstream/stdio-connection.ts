// JSON-RPC over a child's stdin and stdout, one message per line (MCP "stdio" transport).
import { createLineSplitter } from "../wire/lines.ts";
import { notificationMessage } from "../wire/reply.ts";
import { toSingleLine, wholeOf } from "../wire/splice.ts";
import type { Child } from "./child-process.ts";
import type {
  ConnectionListener,
  ConnectionOptions,
  UpstreamConnection,
  UpstreamFailure,
} from "./connection.ts";
import { createPending } from "./pending.ts";
import { createServerRequests } from "./server-requests.ts";

export interface StdioConnectionOptions extends ConnectionOptions {
  /** How much may wait in the pipe to the child before calls are refused, in bytes. @defaultValue 8 MiB */
  readonly maxBufferedBytes?: number;
}

const LINE_FEED = 0x0a;
const NEWLINE = Buffer.from([LINE_FEED]);
/** Up to here copying a message behind its line end costs less than a second buffer to write. */
const ONE_WRITE_BYTES = 3 * 1024;
/** Where an answer's id stands when its middle was not kept: at the beginning, or at the very end. */
const ID_AT_HEAD = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,/;
const ID_AT_TAIL = /,\s*"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

export function createStdioConnection(
  child: Child,
  listener: ConnectionListener,
  options: StdioConnectionOptions,
): UpstreamConnection {
  const { target, maxMessageBytes, maxBufferedBytes = 8 * 1024 * 1024 } = options;
  const requests = createServerRequests(listener, write);
  let closed = false;
  const pending = createPending(
    {
      onOther(message, envelope) {
        if (!requests.cancel(message, envelope)) listener.onServerNotification(message, envelope);
      },
      onRequest(message, envelope, exchange) {
        // Modern servers have no requests of their own, and take no answers.
        if (target.era === "legacy") requests.take(message, envelope, exchange);
      },
    },
    options,
  );
  const lines = createLineSplitter({
    maxLineBytes: maxMessageBytes,
    onLine: (line) => {
      if (line.length > 0) pending.deliver(line);
    },
    onOversize,
  });
  child.stdout.on("data", lines.push);
  void child.exited.then((how) => {
    const words = child.lastWords();
    goDown({
      executed: "maybe",
      kind: "transport",
      message: words === undefined ? how : `${how}; its last words: ${words}`,
    });
  });

  return {
    target,
    get isOpen() {
      return canWrite();
    },
    get inFlight() {
      return pending.size;
    },
    get lastHeardAt() {
      return pending.lastHeardAt;
    },
    send(exchange) {
      const id = pending.add({ exchange });
      const refusal = refuseToWrite();
      if (refusal === undefined) write(wholeOf(exchange.encode(id, target)));
      else queueMicrotask(() => pending.take(id)?.exchange.onFailure(refusal));
      return id;
    },
    cancel(id, reason) {
      if (pending.take(id) === undefined) return;
      write(notificationMessage("notifications/cancelled", { requestId: id, reason }));
    },
    notify(message) {
      write(message);
      return Promise.resolve();
    },
    async close() {
      closed = true;
      requests.end();
      pending.failAll({ executed: "maybe", kind: "closed", message: "the gateway closed the connection" });
      await child.stop();
    },
  };

  function canWrite(): boolean {
    return !closed && !child.hasExited && child.stdin.writable;
  }

  function refuseToWrite(): UpstreamFailure | undefined {
    if (!canWrite()) {
      return { executed: "no", kind: "closed", message: "the server's process has ended" };
    }
    if (child.stdin.writableLength > maxBufferedBytes) {
      return { executed: "no", kind: "overload", message: "the server does not read its input" };
    }
    return undefined;
  }

  function write(message: Buffer): void {
    if (!child.stdin.writable) return;
    if (message.length < ONE_WRITE_BYTES) {
      const line = Buffer.allocUnsafe(message.length + 1);
      toSingleLine(message).copy(line);
      line[message.length] = LINE_FEED;
      child.stdin.write(line);
      return;
    }
    child.stdin.cork();
    child.stdin.write(toSingleLine(message));
    child.stdin.write(NEWLINE);
    child.stdin.uncork();
  }

  function onOversize(head: Buffer, tail: Buffer): void {
    const id = ID_AT_HEAD.exec(head.toString("latin1"))?.[1] ?? ID_AT_TAIL.exec(tail.toString("latin1"))?.[1];
    if (id === undefined) return;
    pending.take(Number(id))?.exchange.onFailure({
      executed: "maybe",
      kind: "protocol",
      message: `the answer is longer than the ${maxMessageBytes} bytes allowed`,
    });
  }

  function goDown(failure: UpstreamFailure): void {
    if (closed) return;
    closed = true;
    requests.end();
    pending.failAll(failure);
    listener.onDown(failure);
  }
}
