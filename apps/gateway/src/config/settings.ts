// The gateway's own settings after their defaults were filled in; what each means is said where it is read from a file.
import type { ClientLimits } from "../clients/settings.ts";

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly drainTimeoutMs: number;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly readiness: "any" | "each-pool" | "all";
}

type Partially<T> = { readonly [K in keyof T]?: T[K] | undefined };

interface KnownClientSettings {
  readonly key?: string | undefined;
  readonly keySha256?: string | readonly string[] | undefined;
  readonly priority?: number | undefined;
  readonly view?: string | undefined;
  readonly admin?: boolean | undefined;
  readonly limits?: Partially<ClientLimits> | undefined;
}

export interface ClientSettings {
  readonly anonymous: "loopback" | "never";
  readonly maxClients: number;
  readonly idleMs: number;
  readonly limits: ClientLimits;
  readonly breaker: { readonly failureThreshold: number; readonly resetTimeoutMs: number };
  readonly known: Readonly<Record<string, KnownClientSettings>>;
}

export interface AdminSettings {
  readonly token?: string | undefined;
  readonly tokenSha256?: string | undefined;
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
  readonly allowStdio: boolean;
  readonly allowPrivateUrls: readonly string[];
  readonly allowHttp: boolean;
}

export interface LoggingSettings {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  readonly audit?: { readonly file: string; readonly calls: boolean } | undefined;
}

export interface MetricsSettings {
  readonly enabled: boolean;
  readonly tools: number;
  readonly clients: number;
}

export interface TracingSettings {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sampleRatio: number;
  readonly serviceName: string;
}

export interface ProtectionSettings {
  readonly toolDefinitions: "off" | "warn" | "quarantine" | "block";
  readonly pinFile?: string | undefined;
  readonly commands?: readonly string[] | undefined;
}
