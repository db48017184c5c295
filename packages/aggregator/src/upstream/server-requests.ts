// What a legacy server asks of its client in one connection: handed to who may answer, and taken back when the server
// cancels it or is gone.

import type { Envelope } from "../wire/envelope.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import type { ConnectionListener, ServerRequest, UpstreamExchange } from "./connection.ts";

export interface ServerRequests {
  /** Takes a request; pings, and what nobody may answer, are answered at once. */
  take(message: Buffer, envelope: Envelope, exchange: UpstreamExchange | undefined): void;
  /** Takes a notification if it cancels such a request; false when it does not. */
  cancel(message: Buffer, envelope: Envelope): boolean;
  /** The connection is gone: nobody waits for answers. */
  end(): void;
}

/** Questions of one connection that may be open at a time. */
const MAX_OPEN = 64;

export function createServerRequests(
  listener: ConnectionListener,
  write: (message: Buffer) => void,
): ServerRequests {
  /** By the bytes of their ids; with what is to be done when they are taken back. */
  const open = new Map<string, { onCancelled: () => void }>();

  return {
    take(message, envelope, exchange) {
      const id = message.subarray(envelope.id.start, envelope.id.end);
      if (envelope.method === "ping") {
        write(resultMessage(id, "{}"));
      } else if (listener.onServerRequest === undefined) {
        // No client capabilities were declared here.
        write(errorMessage(id, rpcCode.methodNotFound, "Method not found"));
      } else if (open.size >= MAX_OPEN) {
        write(errorMessage(id, rpcCode.internalError, `More than ${MAX_OPEN} requests are open`));
      } else {
        const key = id.toString("latin1");
        const entry = { onCancelled(): void {} };
        const request: ServerRequest = {
          message,
          envelope,
          whenCancelled(callback) {
            entry.onCancelled = callback;
          },
          reply(answer) {
            if (open.get(key) !== entry) return;
            open.delete(key);
            write(answer);
          },
          notify: write,
        };
        open.set(key, entry);
        listener.onServerRequest(request, exchange);
      }
    },
    cancel(message, { method, requestId }) {
      if (method !== "notifications/cancelled") return false;
      const key = message.toString("latin1", requestId.start, requestId.end);
      const entry = open.get(key);
      open.delete(key);
      entry?.onCancelled();
      return true;
    },
    end() {
      const all = [...open.values()];
      open.clear();
      for (const entry of all) entry.onCancelled();
    },
  };
}
