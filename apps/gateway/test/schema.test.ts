// The published JSON Schema: current, and in agreement with what the gateway takes.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { configJsonSchema, SCHEMA_URL } from "../src/config/json-schema.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const validate = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).compile(
  configJsonSchema(),
);
const examples = [...globSync("examples/config/*.yaml", { cwd: root }).sort(), "fairlead.config.yaml"];

describe("the JSON Schema", () => {
  it("is published as it is in force (else: node --run schema)", () => {
    expect(JSON.parse(read("apps/gateway/fairlead.config.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(configJsonSchema())),
    );
  });

  it.each(examples)("accepts %s", (file) => {
    expect(validate(parse(read(file))), JSON.stringify(validate.errors, null, 2)).toBe(true);
  });

  it("is named in the first line of our example, so that editors complete and check", () => {
    expect(read("fairlead.config.yaml").split("\n", 1)[0]).toBe(
      `# yaml-language-server: $schema=${SCHEMA_URL}`,
    );
  });

  it.each([
    ["a misspelt key", { pools: { a: { upstreams: [{ comand: "x" }] } } }],
    ["a misspelt section", { pools: { a: { upstreams: [{ command: "x" }] } }, loging: {} }],
    ["a wrong type", { pools: { a: { upstreams: [{ command: "x" }] } }, server: { port: "x" } }],
    ["a misspelt key in a list of servers", { servers: { a: { url: "http://x", prioritty: 1 } } }],
  ])("refuses %s", (_what, value) => {
    expect(validate(value)).toBe(false);
  });

  it("says something about every key of our own", () => {
    const bare: string[] = [];
    const look = (schema: unknown, path: string): void => {
      if (typeof schema !== "object" || schema === null) return;
      for (const [key, child] of Object.entries(schema)) {
        if (key === "properties")
          for (const [name, field] of Object.entries(child as Record<string, { description?: string }>))
            if (field.description === undefined) bare.push(`${path}.${name}`);
        look(child, key === "properties" ? path : `${path}.${key}`);
      }
    };
    look((configJsonSchema() as { else: unknown }).else, "");
    expect(bare).toEqual([]);
  });
});
