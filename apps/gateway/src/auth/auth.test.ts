import type { IncomingMessage } from "node:http";
import { createFakeClock } from "@fairlead/core/testing";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import { createKey, hashKey } from "./keys.ts";
import { createTokenVerifier, metadataUrl, type OAuthSettings, resourceMetadata } from "./oauth.ts";

const SETTINGS: OAuthSettings = {
  issuer: "https://login.example",
  resource: "https://mcp.example/mcp",
  scopes: ["mcp"],
  adminScope: "mcp:admin",
  algorithms: ["RS256"],
};
const NOW = Date.parse("2026-11-20T12:00:00Z");

function from(address: string, headers: Record<string, string> = {}): IncomingMessage {
  return { socket: { remoteAddress: address }, headers } as unknown as IncomingMessage;
}

function bearer(token: string, address = "203.0.113.7"): IncomingMessage {
  return from(address, { authorization: `Bearer ${token}` });
}

describe("keys", () => {
  const key = createKey();
  const authenticate = createAuthenticator({
    anonymous: "loopback",
    known: { alice: { keySha256: [hashKey("old"), hashKey(key)], priority: 7, view: "docs" } },
    adminTokenSha256: hashKey("operator"),
  });

  it("are unguessable, and only their hash is needed to know them again", () => {
    expect(new Set(Array.from({ length: 100 }, createKey)).size).toBe(100);
    expect(key).toMatch(/^flk_[\w-]{43}$/);
    expect(authenticate(bearer(key))).toEqual({
      name: "alice",
      admin: false,
      caller: { id: "alice", priority: 7, view: "docs" },
    });
    expect(authenticate(bearer("operator"))).toMatchObject({ name: "admin", admin: true });
  });

  it("are needed by all but this machine itself, and a wrong one is not forgiven there", () => {
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
      expect(authenticate(from(address))).toMatchObject({ name: "anonymous", caller: undefined });
    expect(authenticate(from("203.0.113.7"))).toMatchObject({ status: 401, challenge: "Bearer" });
    expect(authenticate(from("127.0.0.1", { "x-forwarded-for": "203.0.113.7" }))).toMatchObject({
      status: 401,
    });
    expect(authenticate(bearer("wrong", "127.0.0.1"))).toMatchObject({
      status: 401,
      code: "INVALID_CREDENTIALS",
    });
    expect(authenticate(from("127.0.0.1", { authorization: "Basic YTpi" }))).toMatchObject({ status: 400 });
    const strict = createAuthenticator({ anonymous: "never", known: {}, adminTokenSha256: undefined });
    expect(strict(from("127.0.0.1"))).toMatchObject({ status: 401 });
    // Nobody is known: nobody gets in.
    expect(strict(bearer(""))).toMatchObject({ status: 400 });
    expect(strict(bearer("x"))).toMatchObject({ status: 401 });
  });
});

describe("OAuth tokens", () => {
  let sign: (claims: JWTPayload, header?: { alg: string }) => Promise<string>;
  let foreign: (claims: JWTPayload) => Promise<string>;
  let authenticate: Authenticator;
  let lookups = 0;
  const clock = createFakeClock();
  let now = NOW;
  const good = (): JWTPayload => ({
    iss: SETTINGS.issuer,
    aud: SETTINGS.resource,
    sub: "bob",
    scope: "mcp",
    exp: NOW / 1_000 + 300,
  });

  beforeAll(async () => {
    const [ours, theirs] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
    await exportJWK(ours.publicKey);
    sign = (claims, header = { alg: "RS256" }) =>
      new SignJWT(claims).setProtectedHeader(header).sign(ours.privateKey);
    foreign = (claims) => new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(theirs.privateKey);
    const verifier = createTokenVerifier({
      settings: SETTINGS,
      keys: () => {
        lookups++;
        return Promise.resolve(ours.publicKey);
      },
      clock,
      wallClock: () => now,
    });
    authenticate = createAuthenticator({
      anonymous: "never",
      known: {},
      adminTokenSha256: undefined,
      oauth: { settings: SETTINGS, verifier },
    });
  });

  it("are accepted from the issuer for this resource, and the verdict is kept until they expire", async () => {
    const token = await sign(good());
    expect(await authenticate(bearer(token))).toEqual({
      name: "oauth:bob",
      admin: false,
      caller: { id: "oauth:bob" },
    });
    const before = lookups;
    expect(await authenticate(bearer(token))).toMatchObject({ name: "oauth:bob" });
    expect(lookups).toBe(before);
    await clock.advance(60_000);
    await authenticate(bearer(token));
    expect(lookups).toBe(before + 1);
    now = NOW + 301_000;
    await clock.advance(60_000);
    expect(await authenticate(bearer(token))).toMatchObject({
      status: 401,
      message: "The token has expired.",
    });
    now = NOW;
    expect(await authenticate(bearer(await sign({ ...good(), scope: "mcp mcp:admin" })))).toMatchObject({
      admin: true,
    });
  });

  it.each<[string, (claims: JWTPayload) => JWTPayload]>([
    ["another audience", (claims) => ({ ...claims, aud: "https://other.example/mcp" })],
    ["another issuer", (claims) => ({ ...claims, iss: "https://evil.example" })],
    ["no expiry", ({ iss = "", aud = "", sub = "" }) => ({ iss, aud, sub, scope: "mcp" })],
    ["an expiry that has passed", (claims) => ({ ...claims, exp: NOW / 1_000 - 1 })],
  ])("with %s are refused with 401 and where to get a right one", async (_what, change) => {
    expect(await authenticate(bearer(await sign(change(good()))))).toMatchObject({
      status: 401,
      challenge: expect.stringMatching(
        /^Bearer resource_metadata="https:\/\/mcp\.example\/\.well-known\/oauth-protected-resource\/mcp", error="invalid_token"/,
      ),
    });
  });

  it("of a foreign key, without a signature, or signed with a public key are refused", async () => {
    const [head = "", body = ""] = (await sign(good())).split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    const hs = await new SignJWT(good()).setProtectedHeader({ alg: "HS256" }).sign(Buffer.alloc(32));
    for (const token of [await foreign(good()), `${none}.${body}.x`, `${head}.${body}.AAAA`, hs])
      expect(await authenticate(bearer(token))).toMatchObject({ status: 401 });
  });

  it("without the scopes get 403 that names all of them", async () => {
    expect(await authenticate(bearer(await sign({ ...good(), scope: "other" })))).toMatchObject({
      status: 403,
      challenge: expect.stringContaining('error="insufficient_scope"'),
    });
  });

  it("are described by RFC 9728 metadata", () => {
    expect(resourceMetadata(SETTINGS)).toEqual({
      resource: "https://mcp.example/mcp",
      authorization_servers: ["https://login.example"],
      bearer_methods_supported: ["header"],
      scopes_supported: ["mcp", "mcp:admin"],
    });
    expect(metadataUrl("https://mcp.example/")).toBe(
      "https://mcp.example/.well-known/oauth-protected-resource",
    );
  });
});
