// Environment variables of the server, beside those of the client.
import { parseTaskRoutes } from "../multi-agent/task-routes.ts";
import type { ToolServerOptions } from "./context.ts";

/** `LMSTUDIO_TOOL_TIMEOUT_SEC` and `LMSTUDIO_TASK_ROUTES`. @throws RangeError when one of them is wrong. */
export function serverOptionsFromEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Omit<ToolServerOptions, "client"> {
  const text = env["LMSTUDIO_TOOL_TIMEOUT_SEC"]?.trim() ?? "";
  const seconds = Number(text);
  if (text !== "" && (!(seconds > 0) || seconds === Infinity))
    throw new RangeError(`LMSTUDIO_TOOL_TIMEOUT_SEC must be a number above 0, got ${text}`);
  return {
    taskRoutes: parseTaskRoutes(env["LMSTUDIO_TASK_ROUTES"] ?? ""),
    ...(text === "" ? {} : { toolTimeoutMs: seconds * 1_000 }),
  };
}
