// From the `--url` of a gateway, or of any MCP endpoint, to the URLs that the commands use.
import { CliError } from "./errors.ts";

export interface Target {
  /** MCP endpoint: `<url>/mcp`, or the URL itself when its path already has an `/mcp` in it. */
  readonly mcp: URL;
  /** `<url>/api/status`. */
  readonly status: URL;
}

/** @throws {@link CliError} `USAGE` when it is not an http or https URL. */
export function resolveTarget(url: string): Target {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw new CliError("USAGE", `--url must be an http or https URL, got "${url}"`, {
      fix: "pass the gateway's address, for example --url http://127.0.0.1:3005",
    });
  const [, base = "", endpoint = "/mcp"] =
    /^(.*?)(\/mcp(?:\/.*)?)?$/.exec(parsed.pathname.replace(/\/+$/, "")) ?? [];
  const at = (path: string): URL => {
    const result = new URL(parsed);
    result.pathname = path;
    result.hash = "";
    return result;
  };
  return { mcp: at(`${base}${endpoint}`), status: at(`${base}/api/status`) };
}
