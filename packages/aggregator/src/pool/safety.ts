// Which calls may run twice. The rule of ARCHITECTURE: a call that may have been executed is only tried again when it is
// read-only or idempotent by protocol, by annotation, or by the operator's word.
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { ToolPolicy } from "../config.ts";

/** Methods that only read, whatever they name. */
const READ_ONLY = new Set([
  "resources/read",
  "prompts/get",
  "completion/complete",
  "tasks/get",
  "tasks/result",
]);

/** Whether a call may be repeated after it may have been executed. */
export function mayRunTwice(
  method: string,
  entry: PoolEntry | undefined,
  policy: ToolPolicy | undefined,
  trustAnnotations: boolean,
): boolean {
  if (method !== "tools/call") return READ_ONLY.has(method);
  if (policy?.retry !== undefined) return policy.retry === "safe";
  return trustAnnotations && entry?.repeatable === true;
}
