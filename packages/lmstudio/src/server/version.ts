// The package's own version, as clients are told it. The manifest is at the same distance from the sources as from what is built.
import { createRequire } from "node:module";

const manifest = createRequire(import.meta.url)("@fairlead/lmstudio/package.json") as {
  readonly version: string;
};

export const version: string = manifest.version;
