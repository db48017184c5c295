// The dashboard's files. They hold no data: a page that anybody may load who reaches the address, which then asks for the
// operators' token, because a browser sends none by itself, and for nothing else that it would send by itself.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { send, sendError } from "./http/respond.ts";

export interface Dashboard {
  /** Every path that it is made of, the page first. */
  readonly paths: readonly string[];
  /** Takes the request if its path is one of the dashboard's. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

const PAGE = "/admin/";
const FILES = [
  ["style.css", "text/css; charset=utf-8"],
  ["app.js", "text/javascript; charset=utf-8"],
  ["gateway.js", "text/javascript; charset=utf-8"],
  ["words.js", "text/javascript; charset=utf-8"],
] as const;
/** Own files only, no inline code, nothing from elsewhere, and no markup made of text. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

interface Asset {
  readonly type: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads the files, which are beside `src` and `dist`. */
export function createDashboard(): Dashboard {
  const read = (name: string): string =>
    readFileSync(new URL(`../dashboard/${name}`, import.meta.url), "utf8");
  const files = FILES.map(([name, type]) => ({ name, type, text: read(name) }));
  const hash = createHash("sha256").update(files.map(({ text }) => text).join("\0"));
  // Other files have another path, so that browsers may keep these for good.
  const folder = `${PAGE}${hash.digest("hex").slice(0, 16)}`;
  const page: Asset = {
    type: "text/html; charset=utf-8",
    text: read("index.html").replaceAll("{{assets}}", folder),
    headers: {
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
    },
  };
  const assets = new Map<string, Asset>([
    [PAGE, page],
    ...files.map(({ name, type, text }): [string, Asset] => [
      `${folder}/${name}`,
      { type, text, headers: { "cache-control": "public, max-age=31536000, immutable" } },
    ]),
  ]);

  return {
    paths: [...assets.keys()],
    serve({ method }, response, path) {
      const asset = assets.get(path);
      const isEntrance = path === "/admin";
      if (asset === undefined && !isEntrance) return false;
      if (method !== "GET" && method !== "HEAD")
        sendError(response, 405, "METHOD_NOT_ALLOWED", "Use GET here.", { allow: "GET" });
      else if (asset === undefined) send(response, 308, "text/plain", "", { location: PAGE });
      else send(response, 200, asset.type, asset.text, asset.headers);
      return true;
    },
  };
}
