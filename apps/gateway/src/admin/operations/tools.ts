// Operations on what tools say about themselves.
import { z } from "zod";
import type { ToolPins } from "../../protect/tool-pins.ts";
import { AdminError, type Operation, operation } from "../operation.ts";

export interface ToolDependencies {
  readonly pins: ToolPins;
  /** Makes the multiplexer ask anew what is offered. */
  readonly refresh: () => void;
}

export function toolOperations({ pins, refresh }: ToolDependencies): Operation[] {
  return [
    operation({
      id: "listToolPins",
      method: "GET",
      path: "/api/tools",
      summary:
        "The definitions of tools that were first seen, whether they changed since, and what is suspicious about them.",
      input: z.strictObject({}),
      output: z.object({
        tools: z.array(
          z.object({
            pool: z.string(),
            tool: z.string(),
            pinned: z.string(),
            current: z.string(),
            state: z.enum(["pinned", "changed", "hidden"]),
            suspicions: z.array(z.string()),
          }),
        ),
      }),
      run: () => ({ tools: pins.list() }),
    }),
    operation({
      id: "approveTools",
      method: "POST",
      path: "/api/tools/approve",
      summary: "Takes the present definitions of a pool's changed tools as the right ones.",
      idempotent: true,
      input: z.strictObject({ pool: z.string().min(1), tool: z.string().min(1).optional() }),
      output: z.object({ approved: z.number().int().min(0) }),
      run({ pool, tool }) {
        const approved = pins.approve(pool, tool);
        if (approved === 0)
          throw new AdminError(
            404,
            "NOT_FOUND",
            `No tool of ${pool} waits for approval; blocked ones cannot be approved.`,
          );
        refresh();
        return { approved };
      },
    }),
  ];
}
