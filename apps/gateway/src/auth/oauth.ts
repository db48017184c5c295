// The gateway as an OAuth 2.1 resource server (RFC 9728, RFC 8707, RFC 9068): it checks tokens that somebody else issued,
// and never passes one on.
import { createHash } from "node:crypto";
import { type Clock, systemClock } from "@fairlead/core";
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";

export interface OAuthSettings {
  /** Issuers whose tokens are accepted, exactly as in their `iss`. */
  readonly issuer: string;
  /** Where the issuer's keys are. @defaultValue `<issuer>/.well-known/jwks.json` */
  readonly jwksUrl?: string | undefined;
  /** What a token's `aud` must name: the gateway's own URL as clients know it. */
  readonly resource: string;
  /** Scopes that every token needs. @defaultValue none */
  readonly scopes: readonly string[];
  /** Scope that makes its holder an operator. @defaultValue nobody */
  readonly adminScope?: string | undefined;
  readonly algorithms: readonly string[];
}

interface TokenOwner {
  readonly id: string;
  readonly admin: boolean;
}

/** A token that is not accepted. */
interface TokenRefusal {
  readonly error: "invalid_token" | "insufficient_scope";
  readonly description: string;
}

export interface TokenVerifier {
  verify(token: string): TokenOwner | TokenRefusal | Promise<TokenOwner | TokenRefusal>;
}

export interface TokenVerifierOptions {
  readonly settings: OAuthSettings;
  /** Finds the issuer's keys. @defaultValue fetched from `jwksUrl` and kept */
  readonly keys?: JWTVerifyGetKey;
  readonly clock?: Clock;
  /** Wall clock, in milliseconds: tokens expire by it. */
  readonly wallClock?: () => number;
}

/** A check costs 100 µs; the verdict is kept for at most this long. */
const VERDICT_MS = 60_000;
const MAX_VERDICTS = 1_000;
const MAX_TOKEN_LENGTH = 8_192;

export function createTokenVerifier({
  settings,
  keys = createRemoteJWKSet(new URL(settings.jwksUrl ?? `${settings.issuer}/.well-known/jwks.json`), {
    timeoutDuration: 5_000,
  }),
  clock = systemClock,
  wallClock = Date.now,
}: TokenVerifierOptions): TokenVerifier {
  const verdicts = new Map<string, { readonly owner: TokenOwner; readonly until: number }>();

  return {
    verify(token) {
      if (token.length > MAX_TOKEN_LENGTH) return invalid("The token is too long.");
      const hash = createHash("sha256").update(token).digest("base64");
      const known = verdicts.get(hash);
      if (known !== undefined && clock.now() < known.until) return known.owner;
      return check(token, hash);
    },
  };

  async function check(token: string, hash: string): Promise<TokenOwner | TokenRefusal> {
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, keys, {
        issuer: settings.issuer,
        audience: settings.resource,
        algorithms: [...settings.algorithms],
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(wallClock()),
      }));
    } catch (error) {
      if (error instanceof errors.JWTExpired) return invalid("The token has expired.");
      if (error instanceof errors.JWTClaimValidationFailed)
        return invalid(`The token's claim "${error.claim}" is not accepted here.`);
      return invalid("The token is not valid here.");
    }
    const scopes = typeof payload["scope"] === "string" ? payload["scope"].split(" ") : [];
    const missing = settings.scopes.filter((scope) => !scopes.includes(scope));
    if (missing.length > 0)
      return { error: "insufficient_scope", description: `The token lacks ${missing.join(" ")}.` };
    const owner = {
      id: `oauth:${String(payload.sub).slice(0, 128)}`,
      admin: settings.adminScope !== undefined && scopes.includes(settings.adminScope),
    };
    const leftMs = (payload.exp ?? 0) * 1_000 - wallClock();
    remember(hash, owner, Math.min(leftMs, VERDICT_MS));
    return owner;
  }

  function remember(hash: string, owner: TokenOwner, forMs: number): void {
    const [oldest] = verdicts.keys();
    if (verdicts.size >= MAX_VERDICTS && oldest !== undefined) verdicts.delete(oldest);
    verdicts.set(hash, { owner, until: clock.now() + forMs });
  }
}

/** RFC 9728: what a client needs to find the authorization server. */
export function resourceMetadata({ issuer, resource, scopes, adminScope }: OAuthSettings): unknown {
  const supported = [...scopes, ...(adminScope === undefined ? [] : [adminScope])];
  return {
    resource,
    authorization_servers: [issuer],
    bearer_methods_supported: ["header"],
    ...(supported.length === 0 ? {} : { scopes_supported: supported }),
  };
}

/** Where the metadata of `resource` is (RFC 9728 §3.1: the path comes behind the well-known part). */
export function metadataUrl(resource: string): string {
  const { origin, pathname } = new URL(resource);
  return `${origin}/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}`;
}

function invalid(description: string): TokenRefusal {
  return { error: "invalid_token", description };
}
