// Which calls may run twice. The rule of ARCHITECTURE: a call that may have been executed is only tried again when it is
// read-only or idempotent by protocol, by annotation, or by the operator's word.
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { CallPolicy } from "./policy.ts";

/** Methods that only read, whatever they name. */
const READ_ONLY = new Set([
  "resources/read",
  "prompts/get",
  "completion/complete",
  "tasks/get",
  "tasks/result",
]);

interface Call {
  readonly method: string;
  readonly entry: PoolEntry | undefined;
  readonly policy: CallPolicy;
}

/** Whether a call may be repeated after it may have been executed. */
export function mayRunTwice({ method, entry, policy }: Call): boolean {
  if (method !== "tools/call") return READ_ONLY.has(method);
  if (policy.retry !== undefined) return policy.retry === "safe";
  return policy.trustAnnotations && entry?.repeatable === true;
}

/** Whether a call may run twice at the same time: what only reads, and not just what does the same thing twice. */
export function isReadOnly({ method, entry, policy }: Call): boolean {
  if (method !== "tools/call") return READ_ONLY.has(method);
  return policy.retry !== "never" && policy.trustAnnotations && entry?.readOnly === true;
}
