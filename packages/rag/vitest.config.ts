import config from "@fairlead/vitest-config";
import { mergeConfig } from "vitest/config";

// Databases and processes are started for many of the tests: on a busy machine that takes its time.
export default mergeConfig(config, { test: { testTimeout: 180_000, hookTimeout: 180_000 } });
