// On whose behalf a request comes: whom queues are fair between, and whose priority and view hold.

/** Whoever a front has identified; without one, each session, connection or stdio peer counts as a caller of its own. */
export interface Caller {
  /** Tells callers apart in queues, rules and statistics. No secret: it may be shown to operators. */
  readonly id: string;
  /** From 0 to 9, higher is served first. @defaultValue 5 */
  readonly priority?: number;
  /** Name of the view of the catalog that it gets. */
  readonly view?: string;
}

export const DEFAULT_PRIORITY = 5;
export const MAX_PRIORITY = 9;
