// Name resolution for a server whose name was checked once: whoever owns the name may point it elsewhere afterwards (DNS
// rebinding), so each new connection goes to an address that was checked, or nowhere.
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";

type Resolve = (
  host: string,
  options: { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A `lookup` for sockets that knows only `addresses`. The name is still resolved each time, so that one that has moved is
 * told apart from one that is down. Sockets do not call it for hosts that are addresses themselves.
 */
export function pinnedLookup(addresses: readonly string[], resolve: Resolve = systemLookup): LookupFunction {
  const known = new Set(addresses.map(plain));
  return (host, options, done) => {
    resolve(host, { all: true }, (error, found) => {
      if (error !== null) {
        done(error, "");
        return;
      }
      const family = typeof options.family === "string" ? Number(options.family.slice(-1)) : options.family;
      const checked = found.filter(
        (one) =>
          known.has(plain(one.address)) && (family === undefined || family === 0 || family === one.family),
      );
      const [first] = checked;
      if (first === undefined) done(moved(host, found), "");
      else if (options.all === true) done(null, checked);
      else done(null, first.address, first.family);
    });
  };
}

/** One spelling for each address: an IPv6 address has many. */
function plain(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

function moved(host: string, found: readonly LookupAddress[]): NodeJS.ErrnoException {
  const now = found.map(({ address }) => address).join(", ");
  const error: NodeJS.ErrnoException = new Error(
    `${host} is now ${now}, which is none of the addresses that it may have; set its url again to have it checked, or change its addresses`,
  );
  error.code = "EADDRESSCHANGED";
  return error;
}
