// The gateway's own answers to requests that take no more than a look.
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import type { Exchange } from "./client.ts";

export function done(exchange: Exchange): void {
  exchange.reply(resultMessage(exchange.id, "{}"));
}

export function invalid(exchange: Exchange, message: string): void {
  exchange.reply(errorMessage(exchange.id, rpcCode.invalidParams, message));
}

export function notFound(exchange: Exchange): void {
  const status = exchange.era === "modern" ? 404 : 200;
  exchange.reply(
    errorMessage(exchange.id, rpcCode.methodNotFound, `Method not found: ${exchange.envelope.method}`),
    status,
  );
}
