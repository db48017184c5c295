import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { sampleArguments } from "./sample-arguments.ts";

const object = (
  properties: object,
  required: readonly string[] = Object.keys(properties),
): Record<string, unknown> => ({
  type: "object",
  properties,
  required,
});

describe("sampleArguments", () => {
  it.each<[string, Record<string, unknown>]>([
    ["nothing", { type: "object" }],
    ["texts", object({ a: { type: "string" }, b: { type: "string", minLength: 9, maxLength: 12 } })],
    [
      "numbers",
      object({
        a: { type: "integer", minimum: 5 },
        b: { type: "number", exclusiveMinimum: 0, maximum: 0.5, multipleOf: 0.25 },
      }),
    ],
    ["negative numbers", object({ a: { type: "integer", maximum: -3, minimum: -7 } })],
    [
      "choices",
      object({
        a: { enum: ["x", "y"] },
        b: { const: 7 },
        c: { type: "string", default: "d" },
        d: { type: "string", examples: ["e"] },
      }),
    ],
    [
      "lists",
      object({ a: { type: "array", items: { type: "boolean" }, minItems: 2 }, b: { type: "array" } }),
    ],
    ["objects inside of objects", object({ a: object({ b: object({ c: { type: "null" } }) }) })],
    [
      "alternatives",
      object({
        a: { anyOf: [{ type: "string", pattern: "^x$" }, { type: "integer" }] },
        b: { type: ["null", "string"] },
      }),
    ],
    [
      "references",
      { ...object({ a: { $ref: "#/$defs/point" } }), $defs: { point: object({ x: { type: "number" } }) } },
    ],
    [
      "parts",
      object({
        a: { allOf: [{ type: "object", properties: { b: { type: "string" } } }, { required: ["b"] }] },
      }),
    ],
    ["formats", object({ a: { type: "string", format: "uri" }, b: { type: "string", format: "date-time" } })],
  ])("are valid for %s", (_what, schema) => {
    const args = sampleArguments(schema);
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(args), JSON.stringify({ args, errors: validate.errors })).toBe(true);
  });

  it("leave out what need not be there", () => {
    expect(sampleArguments(object({ a: { type: "string" }, b: { type: "string" } }, ["a"]))).toEqual({
      a: "test",
    });
  });

  it("are not made up where nobody could know, nor for schemas without end", () => {
    expect(sampleArguments(object({ a: { type: "string", pattern: "^[a-z]{3}-\\d+$" } }))).toBeUndefined();
    expect(sampleArguments(object({ a: { $ref: "https://example.com/schema" } }))).toBeUndefined();
    const endless = { ...object({ a: { $ref: "#" } }), $defs: {} };
    expect(sampleArguments(endless)).toBeUndefined();
  });
});
