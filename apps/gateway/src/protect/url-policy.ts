// Which URLs may become servers at run time (SSRF): every address that the name has must be public, or the host named in
// the configuration. Connections then go to the addresses that were checked, and follow no redirects.
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

export interface UrlPolicyOptions {
  /** Host names and addresses on this machine or in private networks that are allowed all the same. */
  readonly allowPrivate: readonly string[];
  /** Whether http is allowed to public addresses. */
  readonly allowHttp: boolean;
  /** @defaultValue the system's resolver */
  readonly resolve?: Resolve | undefined;
}

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Why a server may not be there; or that it may, and at which addresses only, where its host is a name. */
export type UrlVerdict =
  | { readonly refusal: string }
  | { readonly refusal: undefined; readonly addresses: readonly string[] | undefined };

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["::", 128],
  ["::1", 128],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv6");

/** Whether an address is on this machine, in a private network, or for no ordinary server. */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(plain);
  return family === 0 || PRIVATE.check(plain, family === 4 ? "ipv4" : "ipv6");
}

export async function checkUrl(url: string, options: UrlPolicyOptions): Promise<UrlVerdict> {
  const { allowPrivate, allowHttp, resolve = resolveAll } = options;
  if (!URL.canParse(url)) return refused(`"${url}" is no URL`);
  const { protocol, hostname, username, password } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:")
    return refused(`${protocol}// is not allowed; use https://`);
  if (username !== "" || password !== "") return refused("credentials in a URL end up in logs; use headers");
  // The URL parser has already turned 0x7f.1 and 2130706433 into 127.0.0.1.
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  // The operator answers for whoever owns a name that the configuration allows.
  if (allowPrivate.includes(host)) return { refusal: undefined, addresses: undefined };
  const isName = isIP(host) === 0;
  let addresses: readonly string[];
  try {
    addresses = isName ? await resolve(host) : [host];
  } catch (error) {
    return refused(`${host} cannot be resolved: ${error instanceof Error ? error.message : String(error)}`);
  }
  const outside = addresses.find(isPrivateAddress);
  if (addresses.length === 0) return refused(`${host} has no address`);
  if (outside !== undefined)
    return refused(`${host} is ${outside}, which is not a public address; name it in admin.allowPrivateUrls`);
  if (protocol === "http:" && !allowHttp)
    return refused("http:// is not encrypted; use https://, or set admin.allowHttp");
  return { refusal: undefined, addresses: isName ? addresses : undefined };
}

function refused(refusal: string): UrlVerdict {
  return { refusal };
}

async function resolveAll(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
