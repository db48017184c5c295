// Tells the protocol era of an HTTP request, by the same rules as the official SDK's `classifyInboundRequest`: the body
// decides, the headers must agree with it.
import { MODERN_PROTOCOL_VERSIONS } from "../era.ts";
import { type Envelope, META_CLIENT_CAPABILITIES, META_PROTOCOL_VERSION, textOf } from "../wire/envelope.ts";
import { decodeHeaderValue } from "../wire/header-value.ts";
import { rpcCode } from "../wire/reply.ts";

const FIRST_MODERN = "2026-07-28";
const OPEN_BRACE = 0x7b;

export interface StandardHeaders {
  readonly protocolVersion: string | undefined;
  readonly method: string | undefined;
  readonly name: string | undefined;
}

export interface Rejection {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** `"legacy"`, `"modern"` with everything checked, or why the request is refused. */
export function classify(
  message: Buffer,
  envelope: Envelope,
  headers: StandardHeaders,
): "legacy" | "modern" | Rejection {
  if (envelope.kind === "result" || envelope.kind === "error") return "legacy";
  const headerIsModern = headers.protocolVersion !== undefined && headers.protocolVersion >= FIRST_MODERN;
  const hasClaim = envelope.metaVersion.start !== -1;
  if (
    envelope.kind === "request" &&
    envelope.method === "initialize" &&
    !isValidModernClaim(message, envelope)
  ) {
    return headerIsModern
      ? mismatch(
          "initialize belongs to the legacy handshake, but the MCP-Protocol-Version header names a modern revision",
        )
      : "legacy";
  }
  if (hasClaim) return classifyClaim(message, envelope, headers);
  if (!headerIsModern) return "legacy";
  if (envelope.kind === "notification") return methodMismatch(envelope, headers) ?? "modern";
  return {
    status: 400,
    code: rpcCode.invalidParams,
    message: `The MCP-Protocol-Version header names ${headers.protocolVersion}, but params._meta lacks ${missingKeys(envelope).join(" and ")}`,
    data: { envelope: { missing: missingKeys(envelope) } },
  };
}

function classifyClaim(
  message: Buffer,
  envelope: Envelope,
  headers: StandardHeaders,
): "legacy" | "modern" | Rejection {
  const version = textOf(message, envelope.metaVersion);
  const isRequest = envelope.kind === "request";
  if (version === undefined || (isRequest && message[envelope.metaCapabilities.start] !== OPEN_BRACE)) {
    const key = version === undefined ? META_PROTOCOL_VERSION : META_CLIENT_CAPABILITIES;
    const problem = missingKeys(envelope).includes(key) ? "missing" : "of the wrong type";
    return {
      status: 400,
      code: rpcCode.invalidParams,
      message: `params._meta of a 2026-07-28 request is not valid: ${key} is ${problem}`,
      data: { envelope: { key, problem } },
    };
  }
  if (headers.protocolVersion !== undefined && headers.protocolVersion !== version) {
    return mismatch(
      `the body names protocol version ${version}, the MCP-Protocol-Version header ${headers.protocolVersion}`,
    );
  }
  const wrongMethod = methodMismatch(envelope, headers);
  if (wrongMethod !== undefined) return wrongMethod;
  if (!MODERN_PROTOCOL_VERSIONS.includes(version)) {
    return {
      status: 400,
      code: rpcCode.unsupportedProtocolVersion,
      message: `Protocol version ${version} is not supported; supported: ${MODERN_PROTOCOL_VERSIONS.join(", ")}`,
      data: { supported: MODERN_PROTOCOL_VERSIONS, requested: version },
    };
  }
  return (isRequest ? checkRequired(message, envelope, headers) : undefined) ?? "modern";
}

/** The headers that a modern request must carry, so that intermediaries need not read the body. */
function checkRequired(message: Buffer, envelope: Envelope, headers: StandardHeaders): Rejection | undefined {
  if (headers.protocolVersion === undefined)
    return mismatch("the required MCP-Protocol-Version header is absent");
  if (headers.method === undefined) return mismatch("the required Mcp-Method header is absent");
  const source = namedBy(envelope);
  if (source === undefined) return undefined;
  const inBody = textOf(message, source);
  if (headers.name === undefined) {
    return inBody === undefined
      ? undefined
      : mismatch(`the body names "${inBody}", but the required Mcp-Name header is absent`);
  }
  const inHeader = decodeHeaderValue(headers.name);
  if (inHeader === undefined)
    return mismatch("the Mcp-Name header is not valid Base64 between =?base64? and ?=");
  return inBody === undefined || inBody === inHeader
    ? undefined
    : mismatch(`the body names "${inBody}", the Mcp-Name header "${inHeader}"`);
}

function namedBy(envelope: Envelope): { start: number; end: number } | undefined {
  switch (envelope.method) {
    case "tools/call":
    case "prompts/get":
      return envelope.name;
    case "resources/read":
      return envelope.uri;
    case "tasks/get":
    case "tasks/update":
    case "tasks/cancel":
      return envelope.taskId;
    default:
      return undefined;
  }
}

function methodMismatch(envelope: Envelope, { method }: StandardHeaders): Rejection | undefined {
  if (method === undefined || method === envelope.method) return undefined;
  return mismatch(`the body names method ${envelope.method}, the Mcp-Method header ${method}`);
}

function isValidModernClaim(message: Buffer, envelope: Envelope): boolean {
  const version = textOf(message, envelope.metaVersion);
  return (
    version !== undefined &&
    version >= FIRST_MODERN &&
    message[envelope.metaCapabilities.start] === OPEN_BRACE
  );
}

function missingKeys(envelope: Envelope): string[] {
  const missing: string[] = [];
  if (envelope.metaVersion.start === -1) missing.push(META_PROTOCOL_VERSION);
  if (envelope.metaCapabilities.start === -1) missing.push(META_CLIENT_CAPABILITIES);
  return missing;
}

function mismatch(message: string): Rejection {
  return { status: 400, code: rpcCode.headerMismatch, message: `Headers and body disagree: ${message}` };
}
