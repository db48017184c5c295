export { ConfigError, type ConfigProblem } from "./config/error.ts";
export { type LoadedConfig, loadConfig } from "./config/load.ts";
export type { GatewayConfig } from "./config/schema.ts";
export { type RunOptions, runGateway } from "./run.ts";
