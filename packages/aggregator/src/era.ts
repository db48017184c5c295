// The two eras of the protocol, and the revisions of each that the gateway speaks, on both sides.

/** `legacy`: revisions with sessions, up to 2025-11-25. `modern`: stateless, from 2026-07-28. */
export type Era = "legacy" | "modern";

/** The newest revision that the gateway offers to legacy servers. */
export const LEGACY_PROTOCOL_VERSION = "2025-11-25";
/** Revisions with sessions, newest first. */
export const LEGACY_PROTOCOL_VERSIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
];

/** The stateless revision that the gateway speaks to modern servers. */
export const MODERN_PROTOCOL_VERSION = "2026-07-28";
/** Stateless revisions, newest first. */
export const MODERN_PROTOCOL_VERSIONS: readonly string[] = [MODERN_PROTOCOL_VERSION];
