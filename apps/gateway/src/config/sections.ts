// The parts of the configuration that are the gateway's own: everything but pools and their limits.
import { z } from "zod";
import type { OAuthSettings } from "../auth/oauth.ts";
import { DEFAULT_LIMITS } from "../clients/settings.ts";
import type {
  AdminSettings,
  ClientSettings,
  LoggingSettings,
  MetricsSettings,
  ProtectionSettings,
  ServerSettings,
  TracingSettings,
} from "./settings.ts";

const milliseconds = z.number().int().min(0);
const positive = z.number().int().min(1);
const port = z.number().int().min(0).max(65_535);
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, "must be a SHA-256 in hexadecimal: 64 digits; `fairlead clients key` prints one")
  .transform((hash) => hash.toLowerCase());
const secret = z.string().min(1);
const limit = z.number().int().min(0);

export const serverSection: z.ZodType<ServerSettings> = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .default("127.0.0.1")
      .describe("Address to listen on; anything but loopback needs clients with keys. Default: 127.0.0.1"),
    port: port.default(3005).describe("Port to listen on, 0 for any free one. Default: 3005"),
    drainTimeoutMs: milliseconds
      .default(30_000)
      .describe("Longest time that calls under way get at the end, in milliseconds. Default: 30000"),
    allowedHosts: z
      .array(z.string().min(1))
      .default([])
      .describe("Names that the gateway is reached by, beside its address: for the check of the Host header"),
    allowedOrigins: z
      .array(z.string().regex(/^https?:\/\/[^/]+$/, "must be an origin such as https://app.example"))
      .default([])
      .describe("Origins of web pages that may use the gateway. Default: only its own"),
    readiness: z
      .enum(["any", "each-pool", "all"])
      .default("any")
      .describe(
        "When /readyz says yes: one upstream is ready, one of each pool, or all of them. Default: any",
      ),
  })
  .prefault({});

const limits = {
  requestsPerMinute: limit.describe(
    `Requests in a minute; 0 for any number. Default: ${DEFAULT_LIMITS.requestsPerMinute}`,
  ),
  concurrency: limit.describe(`Requests at a time; 0 for any number. Default: ${DEFAULT_LIMITS.concurrency}`),
  streams: limit.describe(`Streams at a time; 0 for any number. Default: ${DEFAULT_LIMITS.streams}`),
  sessions: limit.describe(
    `Sessions over HTTP at a time, for clients with a key; 0 for any number. Default: ${DEFAULT_LIMITS.sessions}`,
  ),
  bytesPerMinute: limit.describe(
    `Bytes in a minute, both ways; 0 for any number. Default: ${DEFAULT_LIMITS.bytesPerMinute} (64 MiB)`,
  ),
};

const knownClient = z
  .strictObject({
    key: secret.optional().describe(`The key itself, only as a reference: \${NAME} or \${file:path}`),
    keySha256: z
      .union([sha256, z.array(sha256)], {
        error:
          "must be a SHA-256 in hexadecimal, 64 digits, or a list of them; `fairlead clients key` prints one",
      })
      .optional()
      .describe("SHA-256 of the key, or of several while they are being changed"),
    priority: z
      .number()
      .int()
      .min(0)
      .max(9)
      .optional()
      .describe("From 0 to 9, higher is served first. Default: 5"),
    view: z.string().optional().describe("Name of the view that it gets. Default: everything"),
    admin: z.boolean().optional().describe("Whether it may use the admin API. Default: false"),
    limits: z
      .strictObject({
        requestsPerMinute: limits.requestsPerMinute.optional(),
        concurrency: limits.concurrency.optional(),
        streams: limits.streams.optional(),
        sessions: limits.sessions.optional(),
        bytesPerMinute: limits.bytesPerMinute.optional(),
      })
      .optional()
      .describe("What differs from the limits of all"),
  })
  .refine(
    ({ key, keySha256 }) => key !== undefined || keySha256 !== undefined,
    "needs a key: keySha256, or key as a reference",
  );

export const clientsSection: z.ZodType<ClientSettings> = z
  .strictObject({
    anonymous: z
      .enum(["loopback", "never"])
      .default("loopback")
      .describe("Who needs no key: connections from this machine itself, or nobody. Default: loopback"),
    maxClients: limit
      .default(20)
      .describe("Clients that are active at a time; 0 for any number. Default: 20"),
    idleMs: positive
      .default(300_000)
      .describe("After this long without a request a client is not active, in milliseconds. Default: 300000"),
    limits: z
      .strictObject({
        requestsPerMinute: limits.requestsPerMinute.default(DEFAULT_LIMITS.requestsPerMinute),
        concurrency: limits.concurrency.default(DEFAULT_LIMITS.concurrency),
        streams: limits.streams.default(DEFAULT_LIMITS.streams),
        sessions: limits.sessions.default(DEFAULT_LIMITS.sessions),
        bytesPerMinute: limits.bytesPerMinute.default(DEFAULT_LIMITS.bytesPerMinute),
      })
      .prefault({})
      .describe("Limits of each client"),
    breaker: z
      .strictObject({
        failureThreshold: limit
          .default(6)
          .describe("Wrong requests in a row that pause a client; 0 never pauses. Default: 6"),
        resetTimeoutMs: positive
          .default(30_000)
          .describe("How long it is paused, in milliseconds. Default: 30000"),
      })
      .prefault({})
      .describe("Pauses a client that only sends wrong requests"),
    known: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9_.@-]{1,64}$/, "a client's name must be 1 to 64 characters of [A-Za-z0-9_.@-]"),
        knownClient,
      )
      .default({})
      .describe("Clients that have a key, by name"),
  })
  .prefault({});

export const adminSection: z.ZodType<AdminSettings> = z
  .strictObject({
    token: secret
      .optional()
      .describe(
        `Token of the operators, only as a reference. Default: one is made at each start and kept in a file`,
      ),
    tokenSha256: sha256.optional().describe("SHA-256 of the token"),
    listen: z
      .strictObject({
        host: z.string().min(1).default("127.0.0.1").describe("Default: 127.0.0.1"),
        port: port.describe("Port of the admin API, which then is only there"),
      })
      .optional()
      .describe("A listener of its own for the admin API. Default: the same as for MCP"),
    allowStdio: z
      .boolean()
      .default(false)
      .describe("Whether servers that are processes may be added at run time. Default: false"),
    allowPrivateUrls: z
      .array(z.string().min(1))
      .default([])
      .describe("Hosts on this machine or in private networks that servers added at run time may be on"),
    allowHttp: z
      .boolean()
      .default(false)
      .describe("Whether servers added at run time may be without TLS on public addresses. Default: false"),
  })
  .prefault({});

export const oauthSection: z.ZodType<OAuthSettings | undefined> = z
  .strictObject({
    issuer: z.url().describe("Issuer of the tokens, exactly as in their iss"),
    jwksUrl: z.url().optional().describe("Where its keys are. Default: <issuer>/.well-known/jwks.json"),
    resource: z.url().describe("The gateway's own URL as clients know it: what a token's aud must name"),
    scopes: z.array(z.string().min(1)).default([]).describe("Scopes that every token needs"),
    adminScope: z.string().min(1).optional().describe("Scope that makes an operator"),
    algorithms: z
      .array(
        z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]),
      )
      .min(1)
      .default(["RS256", "PS256", "ES256", "EdDSA"])
      .describe("Accepted signatures"),
  })
  .optional();

export const loggingSection: z.ZodType<LoggingSettings> = z
  .strictObject({
    level: z
      .enum(["debug", "info", "warn", "error", "silent"])
      .default("info")
      .describe("Least severe messages that are logged. Default: info"),
    audit: z
      .strictObject({
        file: z.string().min(1).describe("File that grows by one JSON line per call and change; - is stdout"),
        calls: z.boolean().default(true).describe("Whether calls are written, beside changes. Default: true"),
      })
      .optional()
      .describe("The audit log. Default: changes go to the log, calls nowhere"),
  })
  .prefault({});

export const metricsSection: z.ZodType<MetricsSettings> = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Whether /metrics is served. Default: true"),
    tools: limit
      .default(50)
      .describe("Tools that have series of their own; the others are counted as _other. Default: 50"),
    clients: limit.default(50).describe("Clients that have series of their own. Default: 50"),
  })
  .prefault({});

export const tracingSection: z.ZodType<TracingSettings | undefined> = z
  .strictObject({
    endpoint: z.url().describe("Where spans are sent by OTLP over HTTP: http://collector:4318/v1/traces"),
    headers: z.record(z.string(), z.string()).default({}).describe("Sent along, such as authorization"),
    sampleRatio: z.number().min(0).max(1).default(1).describe("Share of traces that is kept. Default: 1"),
    serviceName: z.string().min(1).default("fairlead").describe("Default: fairlead"),
  })
  .optional();

export const protectionSection: z.ZodType<ProtectionSettings> = z
  .strictObject({
    toolDefinitions: z
      .enum(["off", "warn", "quarantine", "block"])
      .default("warn")
      .describe(
        "When a tool's definition changes after it was first seen: warn tells, quarantine hides the tool until it is approved, block hides its pool's changed tools for good. Default: warn",
      ),
    pinFile: z
      .string()
      .min(1)
      .optional()
      .describe("Keeps the definitions that were seen across restarts. Default: only in memory"),
    commands: z
      .array(z.string().min(1))
      .optional()
      .describe(
        "Programs that servers may be: absolute paths or names. Default: any in the file, none added at run time",
      ),
  })
  .prefault({});
