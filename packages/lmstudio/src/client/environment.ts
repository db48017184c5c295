// The environment variables of the two LM Studio documents; times are in seconds there.
import type { LmStudioClientOptions, LmStudioHost } from "./options.ts";

/**
 * Options from `LMSTUDIO_API_BASE` (several separated by commas; by default `http://localhost:1234/v1`), `LMSTUDIO_API_TOKEN`,
 * `MAX_CONCURRENT_REQUESTS`, `CONNECTION_TIMEOUT`, `READ_TIMEOUT`, `HTTP_CONNECT_TIMEOUT` (goes before `CONNECTION_TIMEOUT`),
 * `HTTP_READ_TIMEOUT_SIMPLE`, `HTTP_READ_TIMEOUT_COMPLEX`, `HTTP_MAX_RETRIES`, `HTTP_BACKOFF_FACTOR`, `ROUTER_RATE_LIMIT_TPS`,
 * `SMART_PLAN_IMMEDIATE_TIMEOUT_SEC` and `ROUTER_BG_TIMEOUT_SEC`. What is not set keeps the client's default.
 * `LMSTUDIO_BACKENDS` (`openai`, `anthropic`, or both) adds these, with `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `ANTHROPIC_API_KEY` and
 * `ANTHROPIC_BASE_URL`; without it no prompt goes there.
 *
 * @throws RangeError when a variable is no number, or a back end unknown or without a key.
 */
export function optionsFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): LmStudioClientOptions {
  const hosts = [...listOf(env["LMSTUDIO_API_BASE"] || "http://localhost:1234/v1"), ...backendsOf(env)];
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

const clouds = {
  openai: { key: "OPENAI_API_KEY", base: "OPENAI_BASE_URL", url: "https://api.openai.com/v1" },
  anthropic: { key: "ANTHROPIC_API_KEY", base: "ANTHROPIC_BASE_URL", url: "https://api.anthropic.com/v1" },
} as const;

function backendsOf(env: Readonly<Record<string, string | undefined>>): readonly LmStudioHost[] {
  return listOf(env["LMSTUDIO_BACKENDS"] ?? "").map((api) => {
    if (api !== "openai" && api !== "anthropic")
      throw new RangeError(`LMSTUDIO_BACKENDS must list openai and anthropic, got ${api}`);
    const { key, base, url } = clouds[api];
    const apiToken = env[key]?.trim() ?? "";
    if (apiToken === "") throw new RangeError(`${key} must be set when LMSTUDIO_BACKENDS lists ${api}`);
    return { name: api, api, url: env[base]?.trim() || url, apiToken };
  });
}

function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
