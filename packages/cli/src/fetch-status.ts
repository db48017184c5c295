// Asks a gateway for its status.
import { CliError } from "./errors.ts";
import { parseStatusReport, type StatusReport } from "./status-report.ts";
import { resolveTarget } from "./target.ts";
import { unreachable } from "./unreachable.ts";

export interface FetchStatusOptions {
  /** Gives up after that many milliseconds. @defaultValue 10000 */
  readonly timeoutMs?: number;
  /** Sent along, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Fetches `<url>/api/status` of a running gateway.
 *
 * @throws {@link CliError} `GATEWAY_UNREACHABLE` or `PROTOCOL_ERROR`; the signal's reason when it aborts.
 */
export async function fetchStatus(
  url: string,
  { timeoutMs = 10_000, headers = {}, signal }: FetchStatusOptions = {},
): Promise<StatusReport> {
  const { report } = await fetchStatusWithSource(url, {
    timeoutMs,
    headers,
    ...(signal === undefined ? {} : { signal }),
  });
  return report;
}

/** Also returns the answer as it came, with whatever a newer gateway says beyond the type. */
export async function fetchStatusWithSource(
  url: string,
  { timeoutMs = 10_000, headers = {}, signal }: FetchStatusOptions = {},
): Promise<{ readonly report: StatusReport; readonly source: unknown }> {
  const { status: target } = resolveTarget(url);
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(target, {
      headers: { ...headers, accept: "application/json" },
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw unreachable(target, cause);
  }
  if (response.status === 401)
    throw new CliError("FORBIDDEN", `${target.origin} wants a key`, {
      fix: "pass one with --key or FAIRLEAD_KEY",
      details: { status: 401 },
    });
  if (!response.ok)
    throw new CliError("PROTOCOL_ERROR", `${target.href} answered HTTP ${response.status}`, {
      fix: "check that --url is the address of a Fairlead gateway, without a path",
      details: { status: response.status },
    });
  const source = parseJson(text);
  const report = parseStatusReport(source);
  if (report === undefined)
    throw new CliError("PROTOCOL_ERROR", `${target.href} did not answer with a gateway's status`, {
      fix: "check that --url is the address of a Fairlead gateway; another program may listen there",
    });
  return { report, source };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
