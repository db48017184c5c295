// Which servers operators may add while the gateway runs. Adding one is running it: a token that leaks must not be worth a
// shell, so programs are off unless the configuration says otherwise, and URLs must be public or named there.
import type { GatewayConfig } from "../config/schema.ts";
import { refuseCommand } from "./command-policy.ts";
import { checkUrl, type Resolve } from "./url-policy.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a server has to have besides: the addresses that were checked; `undefined` takes earlier ones away. */
export interface Pinned {
  readonly addresses?: readonly string[] | undefined;
}

/** Why a server may not be added or changed like that, or that it may. */
type ServerVerdict = { readonly refusal: string } | { readonly refusal: undefined; readonly pinned: Pinned };

export interface ServerPolicy {
  /** `server` is all of a new one, or what is to change of one. */
  check(server: Fields): Promise<ServerVerdict>;
}

/** @param resolve finds all addresses of a name; the system's resolver by default */
export function createServerPolicy(config: () => GatewayConfig, resolve?: Resolve): ServerPolicy {
  return {
    async check(server) {
      const { admin, protection } = config();
      if (server["addresses"] !== undefined)
        return { refusal: "addresses are those that the host of url has; they are found out when it is set" };
      const { command, url } = server;
      if (isProcess(server)) {
        const refusal = refuseProcess(server, admin.allowStdio, protection.commands ?? []);
        if (refusal !== undefined) return { refusal };
      }
      if (url === undefined) return { refusal: undefined, pinned: {} };
      if (typeof url !== "string") return { refusal: "url must be a text" };
      const { allowHttp } = admin;
      // What the gateway starts itself, it reaches on this machine.
      const verdict =
        command === undefined
          ? await checkUrl(url, { allowPrivate: admin.allowPrivateUrls, allowHttp, resolve })
          : await checkUrl(url.replaceAll(/\{(port|socket)\}/g, "0"), {
              allowPrivate: [...admin.allowPrivateUrls, ...LOOPBACK],
              allowHttp,
              resolve,
            });
      if (verdict.refusal !== undefined) return verdict;
      return { refusal: undefined, pinned: { addresses: verdict.addresses } };
    },
  };
}

const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "::1"];

function isProcess({ command, args, env, cwd }: Fields): boolean {
  return command !== undefined || args !== undefined || env !== undefined || cwd !== undefined;
}

function refuseProcess(server: Fields, allowStdio: boolean, allowed: readonly string[]): string | undefined {
  if (!allowStdio)
    return "servers that are programs cannot be added at run time; add them to the configuration, or set admin.allowStdio";
  const { command } = server;
  if (typeof command !== "string")
    return "the program's arguments, environment and directory cannot be changed without its command";
  return refuseCommand({ ...server, command }, { allowed });
}
