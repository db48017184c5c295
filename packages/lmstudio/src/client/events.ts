// What the client tells whoever wants to log or count it.
import type { CircuitEvent } from "@fairlead/core";
import type { LmStudioErrorCode } from "./errors.ts";

export type LmStudioEvent =
  | {
      readonly type: "circuit";
      readonly host: string;
      readonly from: CircuitEvent["from"];
      readonly to: CircuitEvent["to"];
    }
  | {
      /** An attempt has failed. */
      readonly type: "attempt-failed";
      readonly host: string;
      readonly model: string | undefined;
      readonly code: LmStudioErrorCode;
      /** From 1. */
      readonly attempt: number;
    }
  | {
      /** A call has made the host load its model. */
      readonly type: "load";
      readonly host: string;
      readonly model: string;
      /** Until the host has begun to answer, in milliseconds. */
      readonly durationMs: number;
    };
