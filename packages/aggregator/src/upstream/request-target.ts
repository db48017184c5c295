// What a request must say depends on who gets it: a modern server is told in each request what a legacy one was told once.
import { type Era, MODERN_PROTOCOL_VERSION } from "../era.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION } from "../wire/envelope.ts";

/** The side of a connection that a request is printed for. */
export interface RequestTarget {
  readonly era: Era;
  /**
   * Members of `params._meta` for a request that has none of its own: the revision, no client capabilities, and the
   * gateway as the client; printed, and empty in the legacy era.
   */
  readonly meta: {
    readonly protocolVersion: string;
    readonly capabilities: string;
    readonly clientInfo: string;
  };
}

export const LEGACY_TARGET: RequestTarget = {
  era: "legacy",
  meta: { protocolVersion: "", capabilities: "", clientInfo: "" },
};

export function modernTarget(clientInfo: { readonly name: string; readonly version: string }): RequestTarget {
  return {
    era: "modern",
    meta: {
      protocolVersion: `"${META_PROTOCOL_VERSION}":"${MODERN_PROTOCOL_VERSION}"`,
      capabilities: `"${META_CLIENT_CAPABILITIES}":{}`,
      clientInfo: `"${META_CLIENT_INFO}":${JSON.stringify(clientInfo)}`,
    },
  };
}
