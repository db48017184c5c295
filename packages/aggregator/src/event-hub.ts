// Tells whoever listens what happens inside. Who listens must not disturb what happens.
import type { MultiplexerEvent } from "./events.ts";

export type EventType = MultiplexerEvent["type"];
export type EventOf<Type extends EventType> = MultiplexerEvent & { readonly type: Type };
type Listener = (event: MultiplexerEvent) => void;

export interface EventHub {
  emit(event: MultiplexerEvent): void;
  /** Listens to one kind of event, or with `"*"` to all; returns how to stop. */
  on<Type extends EventType>(type: Type, listener: (event: EventOf<Type>) => void): () => void;
  on(type: "*", listener: Listener): () => void;
}

export function createEventHub(): EventHub {
  const listeners = new Map<EventType | "*", Set<Listener>>();
  return { emit, on };

  function on(type: EventType | "*", listener: (event: never) => void): () => void {
    const those = listeners.get(type) ?? new Set();
    listeners.set(type, those);
    // An object of its own, so that a function may listen twice.
    const own: Listener = (event) => listener(event as never);
    those.add(own);
    return () => void those.delete(own);
  }

  function emit(event: MultiplexerEvent): void {
    for (const type of [event.type, "*"] as const) {
      for (const listener of listeners.get(type) ?? []) tell(listener, event);
    }
  }

  function tell(listener: Listener, event: MultiplexerEvent): void {
    try {
      listener(event);
    } catch (error) {
      // A fault in what is told about faults is told to nobody.
      if (event.type !== "internal-error") emit({ type: "internal-error", error });
    }
  }
}
