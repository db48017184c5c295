// What can go wrong on the command line. Every error carries the next step, because whoever reads it is at a
// prompt and wants to type something.
import { type ExitCode, exitCodes } from "./exit-codes.ts";

export type CliErrorCode =
  | "USAGE"
  | "GATEWAY_UNREACHABLE"
  | "UNKNOWN_TOOL"
  | "PROTOCOL_ERROR"
  | "FORBIDDEN"
  | "INTERRUPTED";

export interface CliErrorOptions extends ErrorOptions {
  /** What to type or change next. */
  readonly fix: string;
  /** What the gateway sent along: the JSON-RPC error code, its `data`, the HTTP status. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const exitCodeOf: Readonly<Record<CliErrorCode, ExitCode>> = {
  USAGE: exitCodes.usage,
  GATEWAY_UNREACHABLE: exitCodes.unreachable,
  UNKNOWN_TOOL: exitCodes.unknownTool,
  PROTOCOL_ERROR: exitCodes.protocol,
  FORBIDDEN: exitCodes.protocol,
  INTERRUPTED: exitCodes.interrupted,
};

/** A failure with a stable `code`, the exit code that belongs to it, and the next step. */
export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly exitCode: ExitCode;
  readonly fix: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: CliErrorCode, message: string, { fix, details, ...options }: CliErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.code = code;
    this.exitCode = exitCodeOf[code];
    this.fix = fix;
    this.details = details;
  }
}
