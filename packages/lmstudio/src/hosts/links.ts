// Links that add a server with a click. Both hosts want the entry alone, without its name around it, as base64 of JSON.
import { entryFor, type HostEntry, hostFormats } from "./formats.ts";

export interface InstallLinks {
  /** Opens LM Studio. */
  readonly lmstudio: string;
  /** A page that opens LM Studio, for places that show no links but those of the web. */
  readonly lmstudioWeb: string;
  /** Opens Cursor. */
  readonly cursor: string;
}

/** Secrets are in none of them. */
export function installLinks(name: string, entry: HostEntry): InstallLinks {
  const query = (host: "lmstudio" | "cursor"): string => {
    const config = Buffer.from(JSON.stringify(entryFor(hostFormats[host], entry))).toString("base64");
    return `name=${encodeURIComponent(name)}&config=${encodeURIComponent(config)}`;
  };
  return {
    lmstudio: `lmstudio://add_mcp?${query("lmstudio")}`,
    lmstudioWeb: `https://lmstudio.ai/install-mcp?${query("lmstudio")}`,
    cursor: `cursor://anysphere.cursor-deeplink/mcp/install?${query("cursor")}`,
  };
}
