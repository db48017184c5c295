import { expect, it } from "vitest";
import { checkUrl, isPrivateAddress } from "./url-policy.ts";

const strict = { allowPrivate: [], allowHttp: false };

it.each([
  "http://127.0.0.1:1234/mcp",
  "https://localhost/mcp",
  "https://0x7f.1/mcp",
  "https://2130706433/mcp",
  "https://0177.0.0.1/mcp",
  "https://１２７.0.0.1/mcp",
  "https://[::1]/mcp",
  "https://[::ffff:127.0.0.1]/mcp",
  "https://[::ffff:7f00:1]/mcp",
  "https://169.254.169.254/latest/meta-data",
  "https://10.0.0.1/",
  "https://192.168.1.5/",
  "https://[fd00::1]/",
  "https://[64:ff9b::7f00:1]/",
  "https://0.0.0.0/",
  "http://8.8.8.8/",
  "file:///etc/passwd",
  "https://user:pw@example.com/",
  "not a url",
])("does not go to %s", async (url) => {
  const resolve = (): Promise<string[]> => Promise.resolve(["127.0.0.1"]);
  expect((await checkUrl(url, { ...strict, resolve })).refusal).toBeTypeOf("string");
});

it("looks at every address that a name has", async () => {
  const resolve = (): Promise<string[]> => Promise.resolve(["93.184.216.34", "10.0.0.1"]);
  expect((await checkUrl("https://rebind.example/", { ...strict, resolve })).refusal).toMatch(
    /rebind\.example is 10\.0\.0\.1/,
  );
  const gone = (): Promise<string[]> => Promise.reject(new Error("ENOTFOUND"));
  expect((await checkUrl("https://gone.example/", { ...strict, resolve: gone })).refusal).toMatch(
    /cannot be resolved/,
  );
});

it("goes to public addresses, and there only, and to private ones that are named", async () => {
  const resolve = (): Promise<string[]> => Promise.resolve(["93.184.216.34"]);
  expect(await checkUrl("https://example.com/mcp", { ...strict, resolve })).toEqual({
    addresses: ["93.184.216.34"],
  });
  expect(await checkUrl("https://93.184.216.34/mcp", strict)).toEqual({ addresses: undefined });
  expect((await checkUrl("http://example.com/mcp", { ...strict, resolve })).refusal).toMatch(/not encrypted/);
  const allowPrivate = ["192.168.1.5"];
  expect(await checkUrl("http://192.168.1.5:1234/", { ...strict, allowPrivate })).toEqual({});
});

it("knows private addresses of both families", () => {
  for (const address of ["100.64.0.1", "172.31.0.1", "fe80::1", "::", "nonsense"])
    expect(isPrivateAddress(address)).toBe(true);
  for (const address of ["1.1.1.1", "172.32.0.1", "2606:4700::1111"])
    expect(isPrivateAddress(address)).toBe(false);
});
