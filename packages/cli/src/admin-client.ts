// One request to the gateway's admin API.
import { authorization, type Credentials } from "./credentials.ts";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import { withSpinner } from "./progress.ts";
import { resolveTarget } from "./target.ts";
import { unreachable } from "./unreachable.ts";

export interface AdminRequest {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `/api`, such as `/servers/a-1/drain`. */
  readonly path: string;
  readonly body?: unknown;
  /** What is going on, for whoever waits longer than a second. */
  readonly doing: string;
}

/** Resolves to the parsed answer. @throws {@link CliError} */
export async function adminRequest<T = Readonly<Record<string, unknown>>>(
  target: Credentials,
  request: AdminRequest,
  io: CliIo,
): Promise<T> {
  const { method = "GET", path, body, doing } = request;
  const url = apiUrl(target.url, path);
  const headers = await authorization(target, io);
  const signal = io.interrupt();
  return await withSpinner(io, doing, async () => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch (cause) {
      if (signal.aborted) throw new CliError("INTERRUPTED", "interrupted", { cause, fix: "run it again" });
      throw unreachable(url, cause);
    }
    const answer = parse(text);
    if (response.ok) return answer as T;
    throw refusal(response.status, answer, url);
  });
}

/** `<url>/api<path>`. */
export function apiUrl(url: string, path: string): URL {
  const { status } = resolveTarget(url);
  const [pathname = "", query = ""] = path.split("?");
  status.pathname = status.pathname.replace(/\/status$/, pathname);
  status.search = query;
  return status;
}

/** What a gateway answered instead. */
export function refusal(status: number, answer: unknown, url: URL): CliError {
  const error = (answer as { error?: { code?: unknown; message?: unknown } } | undefined)?.error;
  const message = typeof error?.message === "string" ? error.message : `${url.href} answered HTTP ${status}`;
  const details = { status, ...(typeof error?.code === "string" ? { code: error.code } : {}) };
  if (status === 401 || status === 403)
    return new CliError("FORBIDDEN", message, {
      fix: "pass the operators' token or a key with --key or FAIRLEAD_KEY",
      details,
    });
  return new CliError("PROTOCOL_ERROR", message, {
    fix:
      status === 404
        ? '"fairlead servers" and "fairlead status" show what there is'
        : 'look at "fairlead status"',
    details,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
