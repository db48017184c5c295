// What all tools work with.
import { type Clock, systemClock } from "@fairlead/core";
import type { LmStudioClient } from "../client/client.ts";
import type { TaskRoute } from "../multi-agent/task-routes.ts";

export interface ToolServerOptions {
  readonly client: LmStudioClient;
  /** From a task to its models, where a call names none. @defaultValue none */
  readonly taskRoutes?: readonly TaskRoute[];
  /**
   * A tool call comes back within this time with what there is, in milliseconds; a call may say otherwise. MCP clients give up
   * after 60 s by default, and then get nothing. @defaultValue 50_000
   */
  readonly toolTimeoutMs?: number;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

export type ToolContext = Required<ToolServerOptions>;

/** @throws RangeError when an option is out of range. */
export function contextOf(options: ToolServerOptions): ToolContext {
  const context = { taskRoutes: [], toolTimeoutMs: 50_000, clock: systemClock, ...options };
  if (!(context.toolTimeoutMs > 0) || context.toolTimeoutMs === Infinity)
    throw new RangeError(`toolTimeoutMs must be a finite number above 0, got ${context.toolTimeoutMs}`);
  return context;
}
