// What a client says of itself in `initialize`, and who therefore has sessions of its own with servers.
import type { Pool } from "../pool/pool.ts";
import type { ClientHello } from "../upstream/client-session.ts";
import type { Client } from "./client.ts";

/** Of a client's capabilities, and of what it is. */
const MAX_INTRODUCTION_BYTES = 4 * 1024;

/** What is kept of a client's words about itself; a client that says too much has said nothing. */
export function introductionOf(said: Record<string, unknown>): Omit<ClientHello, "protocolVersion"> {
  const kept = (value: unknown): Record<string, unknown> | undefined =>
    typeof value === "object" && value !== null && JSON.stringify(value).length <= MAX_INTRODUCTION_BYTES
      ? { ...value }
      : undefined;
  return { capabilities: kept(said["capabilities"]) ?? {}, clientInfo: kept(said["clientInfo"]) };
}

/** Whether the client has sessions of its own with the pool's servers, to which it may say what concerns it alone. */
export function hasOwnSession(client: Client, pool: Pool): boolean {
  return client.hello !== undefined && pool.isPerClient;
}
