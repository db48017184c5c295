// Which servers operators may add while the gateway runs. Adding one is running it: a token that leaks must not be worth a
// shell, so programs are off unless the configuration says otherwise, and URLs must be public or named there.
import type { UpstreamConfig } from "@fairlead/aggregator";
import type { GatewayConfig } from "../config/schema.ts";
import { refuseCommand } from "./command-policy.ts";
import { refuseUrl } from "./url-policy.ts";

export interface ServerPolicy {
  /** Why a server may not be added or changed like that, or undefined when it may. */
  refuse(server: Partial<UpstreamConfig>): Promise<string | undefined>;
}

export function createServerPolicy(config: () => GatewayConfig): ServerPolicy {
  return {
    async refuse(server) {
      const { admin, protection } = config();
      const command = "command" in server ? server.command : undefined;
      const isProcess =
        command !== undefined ||
        ("args" in server && server.args !== undefined) ||
        ("env" in server && server.env !== undefined) ||
        ("cwd" in server && server.cwd !== undefined);
      if (isProcess) {
        if (!admin.allowStdio)
          return "servers that are programs cannot be added at run time; add them to the configuration, or set admin.allowStdio";
        if (command === undefined)
          return "the program's arguments, environment and directory cannot be changed without its command";
        const refusal = refuseCommand({ ...server, command }, { allowed: protection.commands ?? [] });
        if (refusal !== undefined) return refusal;
      }
      if (!("url" in server) || server.url === undefined || command !== undefined) return undefined;
      return refuseUrl(server.url, { allowPrivate: admin.allowPrivateUrls, allowHttp: admin.allowHttp });
    },
  };
}
