import { defineConfig, type Options } from "tsup";

export function library(overrides: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: ["src/index.ts"],
    format: "esm",
    platform: "node",
    target: "node22",
    dts: false,
    clean: true,
    sourcemap: true,
    ...overrides,
  });
}
