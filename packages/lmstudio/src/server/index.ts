export type { ToolServerOptions } from "./context.ts";
export { type HttpHandle, type HttpOptions, serveHttp } from "./http.ts";
export { createToolServers } from "./mcp-server.ts";
