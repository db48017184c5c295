// The environment variables of the two LM Studio documents; times are in seconds there.
import type { LmStudioClientOptions } from "./options.ts";

/**
 * Options from `LMSTUDIO_API_BASE` (several separated by commas; by default `http://localhost:1234/v1`), `LMSTUDIO_API_TOKEN`,
 * `MAX_CONCURRENT_REQUESTS`, `CONNECTION_TIMEOUT`, `READ_TIMEOUT`, `HTTP_CONNECT_TIMEOUT` (goes before `CONNECTION_TIMEOUT`),
 * `HTTP_READ_TIMEOUT_SIMPLE`, `HTTP_READ_TIMEOUT_COMPLEX`, `HTTP_MAX_RETRIES`, `HTTP_BACKOFF_FACTOR`, `ROUTER_RATE_LIMIT_TPS`,
 * `SMART_PLAN_IMMEDIATE_TIMEOUT_SEC` and `ROUTER_BG_TIMEOUT_SEC`. What is not set keeps the client's default.
 *
 * @throws RangeError when a variable is no number.
 */
export function optionsFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): LmStudioClientOptions {
  const base = env["LMSTUDIO_API_BASE"]?.trim() || "http://localhost:1234/v1";
  const hosts = base
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  const options: Record<string, number> = {};
  for (const [variable, names, factor] of variables) {
    const text = env[variable]?.trim() ?? "";
    if (text === "") continue;
    const value = Number(text);
    if (!(value >= 0) || value === Infinity)
      throw new RangeError(`${variable} must be a number from 0, got ${text}`);
    for (const name of names) options[name] = value * factor;
  }
  const apiToken = env["LMSTUDIO_API_TOKEN"]?.trim() ?? "";
  return { hosts, ...(apiToken === "" ? {} : { apiToken }), ...options };
}

type NumericOption = {
  [Key in keyof LmStudioClientOptions]-?: number extends LmStudioClientOptions[Key] ? Key : never;
}[keyof LmStudioClientOptions];

// Later ones win where two set the same option.
const variables: readonly (readonly [string, readonly NumericOption[], number])[] = [
  ["MAX_CONCURRENT_REQUESTS", ["maxConcurrent"], 1],
  ["CONNECTION_TIMEOUT", ["connectTimeoutMs"], 1_000],
  ["HTTP_CONNECT_TIMEOUT", ["connectTimeoutMs"], 1_000],
  ["READ_TIMEOUT", ["headersTimeoutMs", "idleTimeoutMs"], 1_000],
  ["HTTP_READ_TIMEOUT_SIMPLE", ["simpleTimeoutMs"], 1_000],
  ["HTTP_READ_TIMEOUT_COMPLEX", ["complexTimeoutMs"], 1_000],
  ["SMART_PLAN_IMMEDIATE_TIMEOUT_SEC", ["immediateTimeoutMs"], 1_000],
  ["ROUTER_BG_TIMEOUT_SEC", ["totalTimeoutMs"], 1_000],
  ["ROUTER_RATE_LIMIT_TPS", ["ratePerSecond"], 1],
  ["HTTP_MAX_RETRIES", ["maxRetries"], 1],
  ["HTTP_BACKOFF_FACTOR", ["backoffFactor"], 1],
];
