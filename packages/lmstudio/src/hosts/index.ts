export { HostConfigError, type HostConfigErrorCode } from "./errors.ts";
export { type HostEntry, type HostProcess, type HostUrl, type McpHost, mcpHosts } from "./formats.ts";
export { type InstallLinks, installLinks } from "./links.ts";
export { type HostConfigPlan, type HostConfigRequest, planHostConfig } from "./plan.ts";
export { writeHostConfig } from "./write.ts";
