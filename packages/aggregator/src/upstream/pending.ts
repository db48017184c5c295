// The exchanges of one connection that wait for an answer, and the sorting of what a server sends among them.
import type { Clock } from "@fairlead/core";
import { type Envelope, EnvelopeError, integerOf, scanEnvelope } from "../wire/envelope.ts";
import type { UpstreamExchange, UpstreamFailure } from "./connection.ts";
import { IdTable } from "./id-table.ts";

export interface PendingListener {
  /** A notification that is nobody's progress. */
  onOther(message: Buffer, envelope: Envelope): void;
  /** A request of the server to its client; `exchange` is the call that it certainly belongs to. */
  onRequest(message: Buffer, envelope: Envelope, exchange: UpstreamExchange | undefined): void;
}

/** An exchange as its connection keeps it. */
export interface PendingEntry {
  readonly exchange: UpstreamExchange;
}

export interface Pending<E extends PendingEntry> {
  /** Exchanges that wait for an answer, streams left out. */
  readonly size: number;
  readonly lastHeardAt: number;
  /** @returns the id that it goes out with */
  add(entry: E): number;
  /** Takes an exchange out; whoever takes it ends it. */
  take(id: number): E | undefined;
  /** Whether it still waits. */
  has(id: number): boolean;
  /** Those that wait now. */
  entries(): E[];
  /**
   * Sorts one message; false when it is no JSON-RPC message. `stream` is the exchange on whose own stream it came:
   * log messages and requests there belong to it.
   */
  deliver(message: Buffer, stream?: number): boolean;
  failAll(failure: UpstreamFailure): void;
}

export interface PendingOptions {
  readonly clock: Clock;
  readonly maxDepth: number;
}

const ACKNOWLEDGED = "notifications/subscriptions/acknowledged";

export function createPending<E extends PendingEntry>(
  listener: PendingListener,
  { clock, maxDepth }: PendingOptions,
): Pending<E> {
  const table = new IdTable<E>();
  let streams = 0;
  let lastHeardAt = clock.now();

  return {
    get size() {
      return table.size - streams;
    },
    get lastHeardAt() {
      return lastHeardAt;
    },
    add(entry) {
      if (entry.exchange.isStream === true) streams++;
      return table.add(entry);
    },
    take,
    has: (id) => table.get(id) !== undefined,
    entries: () => table.values(),
    deliver,
    failAll(failure) {
      const all = table.values();
      table.clear();
      streams = 0;
      for (const { exchange } of all) exchange.onFailure(failure);
    },
  };

  function take(id: number): E | undefined {
    const entry = table.take(id);
    if (entry?.exchange.isStream === true) streams--;
    return entry;
  }

  function deliver(message: Buffer, stream?: number): boolean {
    let envelope: Envelope;
    try {
      envelope = scanEnvelope(message, maxDepth);
    } catch (error) {
      if (error instanceof EnvelopeError) return false;
      throw error;
    }
    lastHeardAt = clock.now();
    switch (envelope.kind) {
      case "result":
      case "error": {
        const id = integerOf(message, envelope.id);
        // An answer nobody waits for (cancelled, duplicate, wrong id) is dropped.
        if (id !== undefined) take(id)?.exchange.onAnswer(message, envelope);
        return true;
      }
      case "request":
        listener.onRequest(message, envelope, stream === undefined ? onlyOne() : table.get(stream)?.exchange);
        return true;
      case "notification":
        deliverNotification(message, envelope, stream);
        return true;
    }
  }

  /** What comes on a channel of all belongs to the only call that runs, if it is the only one. */
  function onlyOne(): UpstreamExchange | undefined {
    if (table.size - streams !== 1) return undefined;
    return table.values().find(({ exchange }) => exchange.isStream !== true)?.exchange;
  }

  function deliverNotification(message: Buffer, envelope: Envelope, stream: number | undefined): void {
    if (envelope.method === "notifications/progress") {
      const token = integerOf(message, envelope.progressToken);
      if (token !== undefined) table.get(token)?.exchange.onNotification(message, envelope);
      return;
    }
    if (envelope.method === ACKNOWLEDGED) {
      const id = stream ?? subscriptionOf(message);
      if (id !== undefined) table.get(id)?.exchange.onNotification(message, envelope);
      return;
    }
    const owner =
      envelope.method === "notifications/message" && stream !== undefined
        ? table.get(stream)?.exchange
        : undefined;
    if (owner === undefined) listener.onOther(message, envelope);
    else owner.onNotification(message, envelope);
  }
}

/** On stdio the subscriptions of one connection are told apart by the id of the request that opened them. */
function subscriptionOf(message: Buffer): number | undefined {
  const { params } = JSON.parse(message.toString("utf8")) as { params?: { _meta?: Record<string, unknown> } };
  const id = params?._meta?.["io.modelcontextprotocol/subscriptionId"];
  return typeof id === "number" ? id : undefined;
}
