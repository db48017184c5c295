// Which era a server is of, when nobody said: it is asked `server/discover` first, and what it answers decides. The
// verdict is kept for the life of the upstream; what contradicts it later takes it back.
import { type Era, LEGACY_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS } from "../era.ts";
import { ControlError } from "./control.ts";

/** What is known about one upstream's era. */
export interface EraMemory {
  /** The era to open it in; undefined when it has to be found out. */
  readonly era: Era | undefined;
  /** Whether a legacy server that was taken for a Streamable HTTP one only knows HTTP+SSE. */
  isSse: boolean;
  /** A connection in this era stands. */
  confirm(era: Era): void;
  /** A connection in this era failed; if the failure says that the server is of the other one, the verdict falls. */
  refute(era: Era, error: unknown): void;
}

/** JSON-RPC error codes that only a modern server sends. */
const MODERN_ERRORS: readonly number[] = [-32_020, -32_021, -32_022];
const UNSUPPORTED_VERSION = -32_022;
/** Statuses that are about the caller or the moment, not about the request. */
const NO_EVIDENCE: readonly number[] = [401, 403, 407, 408, 421, 425, 429];

export function createEraMemory(configured: Era | "auto" = "auto"): EraMemory {
  let era: Era | undefined = configured === "auto" ? undefined : configured;
  return {
    get era() {
      return era;
    },
    isSse: false,
    confirm(confirmed) {
      if (configured === "auto") era = confirmed;
    },
    refute(tried, error) {
      if (configured !== "auto") return;
      const verdict = verdictOf(error);
      if (verdict === undefined || verdict === tried) return;
      // Only a modern server sends modern errors; whereas a proxy's 404 looks like a legacy server, so that is asked again.
      era = verdict === "modern" ? "modern" : undefined;
    },
  };
}

/**
 * What a failed `server/discover` or `initialize` says about the server's era; undefined when it says nothing: a refused
 * connection, a failure of the server, a missing authorization, a timeout.
 */
export function verdictOf(error: unknown): Era | undefined {
  if (!(error instanceof ControlError)) return undefined;
  const { rpcCode, rpcData, failure, isTimeout } = error;
  if (rpcCode !== undefined) {
    if (rpcCode === UNSUPPORTED_VERSION && supportsOnlyLegacy(rpcData)) return "legacy";
    return MODERN_ERRORS.includes(rpcCode) ? "modern" : "legacy";
  }
  if (isTimeout) return undefined;
  // A success that is no result of `server/discover`.
  if (failure === undefined || failure.kind === "protocol") return "legacy";
  const { status } = failure;
  return status !== undefined && status >= 400 && status < 500 && !NO_EVIDENCE.includes(status)
    ? "legacy"
    : undefined;
}

function supportsOnlyLegacy(data: unknown): boolean {
  const { supported } = (data ?? {}) as { supported?: unknown };
  if (!Array.isArray(supported)) return false;
  const versions = supported as unknown[];
  const some = (known: readonly string[]): boolean =>
    versions.some((version) => typeof version === "string" && known.includes(version));
  return !some(MODERN_PROTOCOL_VERSIONS) && some(LEGACY_PROTOCOL_VERSIONS);
}
