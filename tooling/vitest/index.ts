import { defineConfig, type ViteUserConfig } from "vitest/config";

const conditions = ["@fairlead/source", "module", "node", "development|production"];

/** Shared by every package; `reports/vitest.json` feeds the summary line at the end of `npm test`. */
const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    restoreMocks: true,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "json"],
    outputFile: { json: "reports/vitest.json" },
  },
});
export default config;
