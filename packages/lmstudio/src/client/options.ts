// What the client can be told, checked once. Defaults are those of the reliability document where it has one.
import {
  type CircuitBreakerOptions,
  type Clock,
  type LearnedTimeoutOptions,
  type Random,
  systemClock,
} from "@fairlead/core";
import { modelsOf } from "./backend.ts";
import type { LmStudioEvent } from "./events.ts";
import type { Backend } from "./wire/index.ts";

export interface LmStudioHost {
  /** Base URL, with or without `/v1`. */
  readonly url: string;
  /** What it is. @defaultValue "lmstudio" */
  readonly api?: Backend;
  /**
   * Models that it is asked for, with `*` for anything; a model that a host lists goes to no other.
   *
   * @defaultValue any, but `gpt-*` and the like at OpenAI, `claude-*` at Anthropic
   */
  readonly models?: readonly string[];
  /** In results and errors. @defaultValue host and port of the URL */
  readonly name?: string;
  /** @defaultValue the client's `apiToken`, with LM Studio only */
  readonly apiToken?: string;
}

export interface LmStudioClientOptions {
  /** At least one. */
  readonly hosts: readonly (string | LmStudioHost)[];
  /** Sent as `Authorization: Bearer`. @defaultValue none */
  readonly apiToken?: string;
  /** Time to open a connection, in milliseconds. @defaultValue 10_000 */
  readonly connectTimeoutMs?: number;
  /** Time until the head of an answer, in milliseconds. @defaultValue 120_000 */
  readonly headersTimeoutMs?: number;
  /** Longest silence within an answer, in milliseconds. @defaultValue 120_000 */
  readonly idleTimeoutMs?: number;
  /** One attempt of a simple request, in milliseconds. @defaultValue 60_000 */
  readonly simpleTimeoutMs?: number;
  /** One attempt of a complex request (long prompt, intent, role), in milliseconds. @defaultValue 180_000 */
  readonly complexTimeoutMs?: number;
  /** Lets these two follow the durations seen. @defaultValue off */
  readonly learnedTimeouts?: LearnedTimeoutOptions;
  /** A whole call with `immediate: true`, waits and attempts included, in milliseconds. @defaultValue 150_000 */
  readonly immediateTimeoutMs?: number;
  /** Any other whole call, in milliseconds. @defaultValue 300_000 */
  readonly totalTimeoutMs?: number;
  /** After the first attempt, from 0. @defaultValue 3 */
  readonly maxRetries?: number;
  /** Growth of the wait from one retry to the next, from 1. @defaultValue 1.5 */
  readonly backoffFactor?: number;
  /** The first wait is between half of this and this, in milliseconds. @defaultValue 1_000 */
  readonly backoffBaseMs?: number;
  /** Calls per second and host. @defaultValue 12 */
  readonly ratePerSecond?: number;
  /** Calls at a time per host; the rest waits. @defaultValue 10 */
  readonly maxConcurrent?: number;
  /** Answers at a time per LM Studio host and model, at most. @defaultValue what the instance was loaded with, or 4 */
  readonly parallel?: number;
  /** So long a place stays taken after a time limit, since the host goes on reading the prompt, in milliseconds. @defaultValue 5_000 */
  readonly cooldownMs?: number;
  /** Calls that may wait per host, and as many per model. @defaultValue 100 */
  readonly maxQueue?: number;
  /** Connections per host, at least `maxConcurrent`. @defaultValue 20, or `maxConcurrent` if larger */
  readonly maxConnections?: number;
  /** One breaker per host. @defaultValue opens after 5 failures in a row for 60_000 ms */
  readonly breaker?: CircuitBreakerOptions;
  /** A longer answer is given up, in bytes on the wire. @defaultValue 67_108_864 */
  readonly maxAnswerBytes?: number;
  /** Told of retries, loads and circuits; must not throw. */
  readonly onEvent?: (event: LmStudioEvent) => void;
  /** Of all timers but that of connecting. @defaultValue systemClock */
  readonly clock?: Clock;
  /** For the jitter of waits. @defaultValue Math.random */
  readonly random?: Random;
}

export interface HostSettings {
  readonly name: string;
  readonly api: Backend;
  readonly models: readonly string[] | undefined;
  readonly origin: string;
  /** Before `/v1` and `/api`; empty, or with a leading slash. */
  readonly prefix: string;
  /** In place of `v1`, where a compatible server has another. */
  readonly version: string;
  readonly apiToken: string | undefined;
}

type Optional = "learnedTimeouts" | "parallel";

export type ClientSettings = Required<Omit<LmStudioClientOptions, "hosts" | "apiToken" | Optional>> &
  Pick<LmStudioClientOptions, Optional> & { readonly hosts: readonly HostSettings[] };

/** @throws RangeError when an option is out of range. */
export function settingsOf(options: LmStudioClientOptions): ClientSettings {
  const { apiToken, hosts, ...rest } = options;
  const maxConcurrent = options.maxConcurrent ?? 10;
  const settings: ClientSettings = {
    connectTimeoutMs: 10_000,
    headersTimeoutMs: 120_000,
    idleTimeoutMs: 120_000,
    simpleTimeoutMs: 60_000,
    complexTimeoutMs: 180_000,
    immediateTimeoutMs: 150_000,
    totalTimeoutMs: 300_000,
    maxRetries: 3,
    backoffFactor: 1.5,
    backoffBaseMs: 1_000,
    ratePerSecond: 12,
    maxQueue: 100,
    cooldownMs: 5_000,
    maxConnections: Math.max(20, maxConcurrent),
    breaker: {},
    maxAnswerBytes: 64 * 1024 * 1024,
    onEvent: () => {},
    clock: systemClock,
    random: Math.random,
    ...rest,
    maxConcurrent,
    hosts: hosts.map((host) => hostOf(host, apiToken)),
  };
  if (settings.hosts.length === 0) throw new RangeError("hosts must not be empty, got []");
  const names = settings.hosts.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new RangeError(`hosts must have names of their own, got ${twice} twice`);
  for (const option of [
    "connectTimeoutMs",
    "headersTimeoutMs",
    "idleTimeoutMs",
    "simpleTimeoutMs",
    "complexTimeoutMs",
    "immediateTimeoutMs",
    "totalTimeoutMs",
    "maxAnswerBytes",
  ] as const)
    if (!(settings[option] > 0) || settings[option] === Infinity)
      throw new RangeError(`${option} must be a finite number above 0, got ${settings[option]}`);
  whole("maxRetries", settings.maxRetries, 0);
  whole("maxConcurrent", maxConcurrent, 1);
  if (settings.parallel !== undefined) whole("parallel", settings.parallel, 1);
  if (!(settings.cooldownMs >= 0))
    throw new RangeError(`cooldownMs must be from 0, got ${settings.cooldownMs}`);
  whole("maxConnections", settings.maxConnections, maxConcurrent);
  return settings;
}

function hostOf(host: string | LmStudioHost, apiToken: string | undefined): HostSettings {
  const given: LmStudioHost = typeof host === "string" ? { url: host } : host;
  const { api = "lmstudio" } = given;
  if (!Object.hasOwn(modelsOf, api))
    throw new RangeError(`hosts[].api must be one of ${Object.keys(modelsOf).join(", ")}, got ${api}`);
  const url = URL.canParse(given.url) ? new URL(given.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new RangeError(`hosts[].url must be an http or https URL, got ${given.url}`);
  const path = url.pathname.replace(/\/+$/, "");
  const [suffix = "", version = "v1"] = /\/(v\d+)$/.exec(path) ?? [];
  return {
    name: given.name ?? url.host,
    api,
    models: given.models ?? modelsOf[api],
    origin: url.origin,
    prefix: path.slice(0, path.length - suffix.length),
    version,
    // A token of LM Studio is nobody else's business.
    apiToken: given.apiToken ?? (api === "lmstudio" ? apiToken : undefined),
  };
}

function whole(option: string, value: number, minimum: number): void {
  if (!Number.isInteger(value) || value < minimum)
    throw new RangeError(`${option} must be an integer from ${minimum}, got ${value}`);
}
