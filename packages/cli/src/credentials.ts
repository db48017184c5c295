// With which key the command line goes to a gateway: the one that was given, or the operators' token that a gateway on this
// machine keeps in a file for its user.
import { readAdminToken } from "@fairlead/gateway/admin-token";
import type { CliIo } from "./io.ts";

export interface Credentials {
  readonly url: string;
  readonly key?: string | undefined;
}

/** Header fields to send; empty when there is no key, which is enough on loopback for all but operators. */
export async function authorization({ url, key }: Credentials, io: CliIo): Promise<Record<string, string>> {
  const given = key ?? io.env["FAIRLEAD_KEY"];
  if (given !== undefined && given !== "") return { authorization: `Bearer ${given}` };
  if (!URL.canParse(url)) return {};
  const { hostname, port, protocol } = new URL(url);
  if (!/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)) return {};
  const token = await readAdminToken(port === "" ? (protocol === "https:" ? 443 : 80) : Number(port), {
    ...io.env,
  });
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
