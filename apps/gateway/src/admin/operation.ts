// One thing that can be asked of a running gateway. The HTTP routes, their OpenAPI description and the MCP tools are all
// made from the same list of these, so that they cannot say different things.
import type { z } from "zod";

interface OperationContext {
  /** Who asks, for the audit log. */
  readonly actor: string;
}

export interface Operation {
  /** `drainServer`; as an MCP tool `drain_server`. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With `{name}` for the parts that are parameters: `/api/servers/{id}/drain`. */
  readonly path: string;
  /** `client`: whoever may use the gateway; `admin`: operators. */
  readonly access: "client" | "admin";
  readonly summary: string;
  /** Of the path's parameters and of the body (with GET and DELETE: the query) together. */
  readonly input: z.ZodObject;
  readonly output: z.ZodType;
  /** Whether asking twice changes nothing more. */
  readonly idempotent: boolean;
  /** Whether calls or settings may be lost by it. */
  readonly destructive: boolean;
  /** @throws {@link AdminError} and whatever the multiplexer throws */
  run(input: Readonly<Record<string, unknown>>, context: OperationContext): unknown;
}

export interface OperationSpec<I extends z.ZodObject, O extends z.ZodType> {
  readonly id: string;
  readonly method: Operation["method"];
  readonly path: string;
  readonly access?: Operation["access"];
  readonly summary: string;
  readonly input: I;
  readonly output: O;
  readonly idempotent?: boolean;
  readonly destructive?: boolean;
  run(input: z.output<I>, context: OperationContext): unknown;
}

/** Checks the input before the operation runs. */
export function operation<I extends z.ZodObject, O extends z.ZodType>(spec: OperationSpec<I, O>): Operation {
  const { access = "admin", idempotent = spec.method !== "POST", destructive = false, run, ...rest } = spec;
  return {
    ...rest,
    access,
    idempotent,
    destructive,
    run(input, context) {
      const parsed = spec.input.safeParse(input);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const where = issue?.path.join(".") ?? "";
        throw new AdminError(400, "INVALID_INPUT", `${where === "" ? "" : `${where}: `}${issue?.message}`);
      }
      return run(parsed.data, context);
    },
  };
}

/** An operation that cannot be done; `status` is its HTTP status. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly code: "INVALID_INPUT" | "NOT_FOUND" | "FORBIDDEN" | "CONFLICT" | "INVALID_CONFIG";
  readonly status: 400 | 403 | 404 | 409 | 422;

  constructor(
    status: AdminError["status"],
    code: AdminError["code"],
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}
