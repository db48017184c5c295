// Servers that come with Fairlead: a section of the configuration says what they serve, and nobody needs to know their
// command lines. Each runs in processes of its own, like any other server.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { PoolDefaults, StdioUpstreamConfig } from "@fairlead/aggregator";
import { type ObjectSchema, poolDefaultsSchema } from "@fairlead/aggregator/schema";
import { z } from "zod";

/** What such a pool may have otherwise than its section decides. */
export type OwnPoolOptions = PoolDefaults;

export const ownPoolSchema: z.ZodType<OwnPoolOptions | undefined> = (
  poolDefaultsSchema as ObjectSchema<PoolDefaults>
)
  .optional()
  .describe("Options of its pool, as under poolDefaults: timeouts, strategy, health checks…");

export const hostsSchema: z.ZodType<readonly string[]> = z
  .array(z.string().regex(/^https?:\/\/[^\s,]+$/, "must begin with http:// or https://"))
  .min(1);

const PACKAGES = {
  "fairlead-lmstudio": "@fairlead/lmstudio",
  "fairlead-rag": "@fairlead/rag",
} as const;

const require = createRequire(import.meta.url);

/** One of our programs as an upstream. Variables that are undefined or empty are left out. */
export function programOf(
  program: keyof typeof PACKAGES,
  id: string,
  flags: readonly string[],
  variables: Readonly<Record<string, string | number | undefined>>,
): StdioUpstreamConfig {
  const env = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)] as const],
  );
  return {
    ...{ id, transport: "stdio" as const, command: process.execPath },
    ...{ args: [...scriptOf(program), ...flags], env: Object.fromEntries(env) },
  };
}

/** Arguments of Node that run it: what was built, or its sources where the gateway runs from sources itself. */
function scriptOf(program: keyof typeof PACKAGES): readonly string[] {
  const manifest = require.resolve(`${PACKAGES[program]}/package.json`);
  const { bin } = require(manifest) as { readonly bin: Readonly<Record<string, string>> };
  const script = join(dirname(manifest), bin[program] ?? "");
  if (!import.meta.url.endsWith(".ts")) return [script];
  return ["--conditions=@fairlead/source", script.replace(/([\\/])dist([\\/].*)\.js$/, "$1src$2.ts")];
}
