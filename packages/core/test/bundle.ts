// What a user's bundler makes of an import from this package.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

export interface Bundle {
  readonly text: string;
  readonly minifiedBytes: number;
  readonly gzipBytes: number;
}

/** @param code - a module that imports from `@fairlead/core` */
export async function bundle(code: string): Promise<Bundle> {
  const resolveDir = fileURLToPath(new URL("../", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir, loader: "ts" },
    alias: { "@fairlead/core": fileURLToPath(new URL("../src/index.ts", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "node",
    target: "node22",
    write: false,
  });
  const text = outputFiles[0]?.text ?? "";
  return { text, minifiedBytes: Buffer.byteLength(text), gzipBytes: gzipSync(text, { level: 9 }).length };
}

export const whole = 'export * from "@fairlead/core";';
export const breakerAlone = 'export { createCircuitBreaker } from "@fairlead/core";';
export const pipelineAlone =
  'export { createCircuitBreaker, createRetryBudget, pipeline } from "@fairlead/core";';
