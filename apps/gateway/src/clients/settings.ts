// What is granted to clients: whoever connects to the gateway.

/** Limits of one client. 0 switches a limit off. */
export interface ClientLimits {
  /** Requests in a minute, also all at once after a pause. @defaultValue 100 */
  readonly requestsPerMinute: number;
  /** Requests at a time. @defaultValue 32 */
  readonly concurrency: number;
  /** Streams (GET of a session, `subscriptions/listen`, WebSocket) at a time. @defaultValue 8 */
  readonly streams: number;
  /** Sessions over HTTP at a time; a further one replaces the one that was idle for longest. @defaultValue 32 */
  readonly sessions: number;
  /** Bytes in a minute, requests and answers together. @defaultValue 64 MiB */
  readonly bytesPerMinute: number;
}

export const DEFAULT_LIMITS: ClientLimits = {
  requestsPerMinute: 100,
  concurrency: 32,
  streams: 8,
  sessions: 32,
  bytesPerMinute: 64 * 1024 * 1024,
};

/** A client that proves who it is with a key. */
export interface KnownClient {
  /** SHA-256 of the key, in hexadecimal; several while keys are being changed. */
  readonly keySha256: readonly string[];
  /** From 0 to 9, higher is served first. @defaultValue 5 */
  readonly priority?: number | undefined;
  /** Name of the view that it gets. @defaultValue everything */
  readonly view?: string | undefined;
  /** Whether it may use the admin API. @defaultValue false */
  readonly admin?: boolean | undefined;
  /** What differs from the limits of all. */
  readonly limits?: Partial<{ [K in keyof ClientLimits]: ClientLimits[K] | undefined }> | undefined;
}

export interface ClientBreakerSettings {
  /** Errors in a row that a client causes itself before it is paused; 0 never pauses. @defaultValue 6 */
  readonly failureThreshold: number;
  /** How long it is paused, in milliseconds. @defaultValue 30 000 */
  readonly resetTimeoutMs: number;
}

export interface ClientsSettings {
  /** Who needs no key: whoever connects from this machine itself, or nobody. @defaultValue "loopback" */
  readonly anonymous: "loopback" | "never";
  /** Clients that are active at a time; 0 for any number. @defaultValue 20 */
  readonly maxClients: number;
  /** After this long without a request a client no longer counts as active, in milliseconds. @defaultValue 300 000 */
  readonly idleMs: number;
  readonly limits: ClientLimits;
  readonly breaker: ClientBreakerSettings;
  /** By name. */
  readonly known: Readonly<Record<string, KnownClient>>;
}
