// The gateway's own version.
import { readFileSync } from "node:fs";

const { version: ownVersion } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { readonly version: string };

export const version: string = ownVersion;
