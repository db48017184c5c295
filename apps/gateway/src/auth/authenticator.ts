// Who a request comes from. Nobody gets through by default: a key, a token, or, where the configuration says so, a
// connection from this machine itself.
import type { IncomingMessage } from "node:http";
import type { Caller } from "@fairlead/aggregator";
import type { KnownClient } from "../clients/settings.ts";
import { isLoopback } from "../http/guard.ts";
import { createKeyring } from "./keys.ts";
import { metadataUrl, type OAuthSettings, type TokenVerifier } from "./oauth.ts";

/** Whoever was let in. */
export interface Principal {
  /** For the audit log. */
  readonly name: string;
  /** May use the admin API. */
  readonly admin: boolean;
  /** As the multiplexer knows it; undefined for who gave no name. */
  readonly caller: Caller | undefined;
}

/** Why a request is not let in. */
export interface AuthFailure {
  readonly status: 400 | 401 | 403;
  readonly code: "UNAUTHENTICATED" | "INVALID_CREDENTIALS" | "FORBIDDEN";
  readonly message: string;
  /** Value of `WWW-Authenticate`. */
  readonly challenge?: string | undefined;
}

export interface AuthenticatorOptions {
  readonly anonymous: "loopback" | "never";
  readonly known: Readonly<Record<string, KnownClient>>;
  /** SHA-256 of the operators' token, in hexadecimal. */
  readonly adminTokenSha256: string | undefined;
  readonly oauth?: { readonly settings: OAuthSettings; readonly verifier: TokenVerifier } | undefined;
}

export type Authenticator = (
  request: IncomingMessage,
) => Principal | AuthFailure | Promise<Principal | AuthFailure>;

const ANONYMOUS: Principal = { name: "anonymous", admin: false, caller: undefined };

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { anonymous, known, adminTokenSha256, oauth } = options;
  const principals = Object.entries(known).flatMap(([id, { keySha256, admin = false, priority, view }]) => {
    const caller: Caller = {
      id,
      ...(priority === undefined ? {} : { priority }),
      ...(view === undefined ? {} : { view }),
    };
    return keySha256.map((hash): [string, Principal] => [hash, { name: id, admin, caller }]);
  });
  if (adminTokenSha256 !== undefined)
    principals.push([adminTokenSha256, { name: "admin", admin: true, caller: { id: "admin" } }]);
  const keyring = createKeyring(principals);
  const challenge =
    oauth === undefined ? "Bearer" : `Bearer resource_metadata="${metadataUrl(oauth.settings.resource)}"`;

  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined) {
      if (anonymous === "loopback" && isFromThisMachine(request)) return ANONYMOUS;
      return refused("UNAUTHENTICATED", "Send a key: Authorization: Bearer <key>.");
    }
    const [, token] = /^Bearer +([\w~+/.=-]+)$/i.exec(header) ?? [];
    if (token === undefined)
      return { ...refused("INVALID_CREDENTIALS", "Authorization must be: Bearer <key>."), status: 400 };
    const principal = keyring.find(token);
    if (principal !== undefined) return principal;
    if (oauth === undefined || token.split(".").length !== 3)
      return refused("INVALID_CREDENTIALS", "The key is not known here.");
    return verify(oauth.verifier, token);
  };

  async function verify(verifier: TokenVerifier, token: string): Promise<Principal | AuthFailure> {
    const verdict = await verifier.verify(token);
    if ("id" in verdict) return { name: verdict.id, admin: verdict.admin, caller: { id: verdict.id } };
    const { error, description } = verdict;
    const scopes = oauth?.settings.scopes.join(" ") ?? "";
    const scope = error === "insufficient_scope" ? `, scope="${scopes}"` : "";
    return {
      status: error === "insufficient_scope" ? 403 : 401,
      code: error === "insufficient_scope" ? "FORBIDDEN" : "INVALID_CREDENTIALS",
      message: description,
      challenge: `${challenge}, error="${error}", error_description="${description.replaceAll('"', "'")}"${scope}`,
    };
  }

  function refused(code: AuthFailure["code"], message: string): AuthFailure {
    return { status: 401, code, message, challenge };
  }
}

/** A proxy on this machine speaks for others, and says so in these header fields. */
function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  const isForwarded = headers["forwarded"] ?? headers["x-forwarded-for"] ?? headers["x-real-ip"];
  if (isForwarded !== undefined) return false;
  const { remoteAddress = "" } = socket;
  return remoteAddress === "127.0.0.1" || isLoopback(remoteAddress.replace(/^::ffff:/, ""));
}
