// What a modern server says about the gateway's own request to it, which no client has asked for.
import type { UpstreamFailure } from "../upstream/connection.ts";

/** HeaderMismatch, MissingRequiredClientCapability, UnsupportedProtocolVersion: about the gateway's hop, not the client's. */
export function isHopError(code: number | undefined): boolean {
  return code !== undefined && code <= -32_020 && code >= -32_022;
}

/** Such an answer as the failure of an attempt that was not executed. */
export function refusalOf(message: Buffer): UpstreamFailure {
  const { error } = JSON.parse(message.toString("utf8")) as { error: UpstreamFailure["rpcError"] };
  const text = error?.message ?? "";
  return {
    executed: "no",
    kind: "refused",
    message: text,
    ...(error === undefined ? {} : { rpcError: error }),
  };
}
