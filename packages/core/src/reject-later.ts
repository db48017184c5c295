/**
 * Rejects in the next microtask. A promise that is rejected before its caller could attach a handler is entered into
 * Node's list of unhandled rejections and taken out again, which costs more than all the rest of a refusal.
 */
export function rejectLater(reject: (reason: unknown) => void, reason: unknown): void {
  void settled.then(() => reject(reason));
}

const settled: Promise<void> = /* @__PURE__ */ Promise.resolve();
