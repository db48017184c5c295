// JSON-RPC answers that the gateway writes itself.
import { AggregatorError, isOverload } from "../errors.ts";

/** JSON-RPC and MCP error codes that the gateway uses. */
export const rpcCode = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** 2025-11-25: resource not found; 2026-07-28 uses invalidParams. */
  resourceNotFoundLegacy: -32002,
  /** No room; outside of the ranges that JSON-RPC and MCP reserve. */
  overload: -31503,
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
} as const;

const NULL = Buffer.from("null");

/** Frames an already printed result. */
export function resultMessage(id: Buffer, result: Buffer | string): Buffer {
  return Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","id":'),
    id,
    Buffer.from(',"result":'),
    Buffer.from(result),
    Buffer.from("}"),
  ]);
}

/** Frames an error; `id` is undefined when the message could not be read. */
export function errorMessage(id: Buffer | undefined, code: number, message: string, data?: unknown): Buffer {
  const error = JSON.stringify(data === undefined ? { code, message } : { code, message, data });
  return Buffer.concat([
    Buffer.from('{"jsonrpc":"2.0","id":'),
    id ?? NULL,
    Buffer.from(`,"error":${error}}`),
  ]);
}

/**
 * Frames a failure of the gateway or of an upstream: -32603 (or -31503 where the gateway has no room), with the code and
 * the facts in `data`.
 */
export function failureMessage(id: Buffer | undefined, error: unknown): Buffer {
  if (error instanceof AggregatorError) {
    const code = isOverload(error) ? rpcCode.overload : rpcCode.internalError;
    return errorMessage(id, code, error.message, { code: error.code, ...error.facts });
  }
  return errorMessage(id, rpcCode.internalError, "Internal error of the gateway", { code: "INTERNAL_ERROR" });
}

/** Frames a notification. */
export function notificationMessage(method: string, params?: unknown): Buffer {
  return Buffer.from(
    JSON.stringify(params === undefined ? { jsonrpc: "2.0", method } : { jsonrpc: "2.0", method, params }),
  );
}
