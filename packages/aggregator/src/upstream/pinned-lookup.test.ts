import type { LookupAddress } from "node:dns";
import { describe, expect, it } from "vitest";
import { pinnedLookup } from "./pinned-lookup.ts";

const PUBLIC: LookupAddress = { address: "93.184.216.34", family: 4 };
const LOOPBACK: LookupAddress = { address: "127.0.0.1", family: 4 };
const SIX: LookupAddress = { address: "2606:4700:0:0:0:0:0:1111", family: 6 };

function ask(
  pinned: readonly string[],
  found: readonly LookupAddress[],
  options: { readonly all?: boolean; readonly family?: number | "IPv4" | "IPv6" } = {},
): Promise<unknown> {
  const lookup = pinnedLookup(pinned, (_host, _options, done) => done(null, [...found]));
  return new Promise((resolve, reject) => {
    lookup("a.example", { ...options }, (error, ...answer) => {
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
}

describe("the lookup of a name that was checked", () => {
  it("gives the addresses that were checked, in both ways that sockets ask", async () => {
    expect(await ask(["93.184.216.34"], [PUBLIC], { all: true })).toEqual([[PUBLIC]]);
    expect(await ask(["93.184.216.34"], [PUBLIC])).toEqual(["93.184.216.34", 4]);
  });

  it("leaves out addresses that came since", async () => {
    expect(await ask(["93.184.216.34"], [LOOPBACK, PUBLIC], { all: true })).toEqual([[PUBLIC]]);
  });

  it("knows an IPv6 address in every spelling, and the family that is wanted", async () => {
    expect(await ask(["2606:4700::1111"], [SIX, PUBLIC])).toEqual([SIX.address, 6]);
    await expect(ask(["2606:4700::1111"], [SIX], { family: 4 })).rejects.toThrow();
    expect(await ask(["2606:4700::1111", PUBLIC.address], [SIX, PUBLIC], { family: "IPv4" })).toEqual([
      PUBLIC.address,
      4,
    ]);
  });

  it("refuses a name that has moved, and says where to", async () => {
    await expect(ask(["93.184.216.34"], [LOOPBACK])).rejects.toThrow(
      /a\.example is now 127\.0\.0\.1, which is none of the addresses/,
    );
  });

  it("passes on that a name is gone", async () => {
    const lookup = pinnedLookup(["93.184.216.34"], (_host, _options, done) =>
      done(new Error("ENOTFOUND"), []),
    );
    const error = await new Promise((resolve) => lookup("a.example", {}, (why) => resolve(why)));
    expect(error).toMatchObject({ message: "ENOTFOUND" });
  });
});
