// The OpenAPI 3.1 description of the admin API, made from its operations.
import { z } from "zod";
import type { Operation } from "./operation.ts";

const ERROR = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { code: { type: "string" }, message: { type: "string" } },
      required: ["code", "message"],
    },
  },
  required: ["error"],
} as const;

/** The document, as plain data. */
export function describeApi(operations: readonly Operation[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] ??= {};
    Object.assign(paths[operation.path] ?? {}, { [operation.method.toLowerCase()]: describe(operation) });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Fairlead admin API",
      version,
      description:
        "What operators may ask of a running gateway. Every operation is also an MCP tool at /mcp/fairlead.",
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: { Error: ERROR },
    },
    security: [{ bearer: [] }],
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const { id, method, path, summary, access } = operation;
  const inPath = parametersOf(path);
  const schema = z.toJSONSchema(operation.input, { io: "input" }) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const { properties = {}, required = [] } = schema;
  const rest = Object.entries(properties).filter(([name]) => !inPath.includes(name));
  const inQuery = method === "GET" || method === "DELETE";
  const parameters = [
    ...inPath.map((name) => ({ name, in: "path", required: true, schema: properties[name] ?? {} })),
    ...(inQuery
      ? rest.map(([name, field]) => ({
          name,
          in: "query",
          required: required.includes(name),
          schema: field,
        }))
      : []),
  ];
  const body = {
    type: "object",
    properties: Object.fromEntries(rest),
    required: required.filter((name) => !inPath.includes(name)),
    additionalProperties: false,
  };
  return {
    operationId: id,
    summary,
    tags: [access],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(inQuery || rest.length === 0
      ? {}
      : { requestBody: { content: { "application/json": { schema: body } } } }),
    responses: {
      200: {
        description: "Done",
        content: { "application/json": { schema: z.toJSONSchema(operation.output, { io: "input" }) } },
      },
      default: {
        description: "Not done",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

/** The names in `{}`. */
export function parametersOf(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}
