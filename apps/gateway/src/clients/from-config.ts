// The clients section of the configuration as the gate and the authenticator use it.
import { hashKey } from "../auth/keys.ts";
import type { GatewayConfig } from "../config/schema.ts";
import type { ClientsSettings, KnownClient } from "./settings.ts";

export function clientsOf({ clients }: GatewayConfig): ClientsSettings {
  const known = Object.entries(clients.known).map(
    ([name, { key, keySha256 = [], ...rest }]): [string, KnownClient] => {
      const hashes = typeof keySha256 === "string" ? [keySha256] : keySha256;
      return [name, { ...rest, keySha256: key === undefined ? hashes : [...hashes, hashKey(key)] }];
    },
  );
  return { ...clients, known: Object.fromEntries(known) };
}
