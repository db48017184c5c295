import { describe, expect, it } from "vitest";
import { convertArguments, describeArguments, parseJsonArguments } from "./arguments.ts";

const schema = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer" },
    ratio: { type: "number" },
    on: { type: "boolean" },
    list: { type: "array" },
    map: { type: "object" },
    maybe: { type: ["string", "null"] },
    either: { anyOf: [{ type: "integer" }, { type: "string" }] },
    level: { enum: ["low", "high", 3] },
    anything: {},
  },
};

describe("convertArguments", () => {
  it.each([
    ["text=12", { text: "12" }],
    ["text=", { text: "" }],
    ["text=a=b", { text: "a=b" }],
    ["count=12", { count: 12 }],
    ["ratio=-1.5e3", { ratio: -1500 }],
    ["on=true", { on: true }],
    ["on=false", { on: false }],
    ['list=["a",1]', { list: ["a", 1] }],
    ['map={"a":{}}', { map: { a: {} } }],
    ["maybe=null", { maybe: null }],
    ["maybe=x", { maybe: "x" }],
    ["either=5", { either: 5 }],
    ["either=five", { either: "five" }],
    ["level=3", { level: 3 }],
    ["level=low", { level: "low" }],
    ["anything=5", { anything: "5" }],
    ["unknown=5", { unknown: "5" }],
  ])("converts %s", (pair, expected) => {
    expect(convertArguments(schema, [pair])).toEqual(expected);
  });

  it.each([
    ["count=1.5", 'argument "count" must be integer, got "1.5"'],
    ["count=", 'argument "count" must be integer, got ""'],
    ["ratio=Infinity", 'argument "ratio" must be number, got "Infinity"'],
    ["on=yes", 'argument "on" must be boolean, got "yes"'],
    ["list=a,b", 'argument "list" must be array, got "a,b"'],
    ["map=[]", 'argument "map" must be object, got "[]"'],
    ["text", '--arg must look like name=value, got "text"'],
    ["=5", '--arg must look like name=value, got "=5"'],
  ])("refuses %s", (pair, message) => {
    expect(() => convertArguments(schema, [pair])).toThrow(message);
  });

  it("refuses a repeated, a forbidden and a missing argument", () => {
    expect(() => convertArguments(schema, ["text=a", "text=b"])).toThrow('argument "text" is given twice');
    const closed = { properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false };
    expect(() => convertArguments(closed, ["a=1", "b=2"])).toThrow('the tool takes no argument "b"');
    expect(() => convertArguments(closed, [])).toThrow('argument "a" is missing (expected integer)');
    expect(convertArguments(closed, [], { a: 5 })).toEqual({ a: 5 });
  });

  it("does not let an argument reach the prototype", () => {
    const result = convertArguments({}, ["__proto__=x", "constructor=y"]);
    expect(Object.entries(result)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });
});

it("reads the value of --json as one object", () => {
  expect(parseJsonArguments('{"a":1}')).toEqual({ a: 1 });
  for (const text of ["[1]", "null", "5", "{a:1}"]) expect(() => parseJsonArguments(text)).toThrow(text);
});

it("describes arguments on one line", () => {
  const inputSchema = {
    properties: { a: { type: "integer" }, b: { type: ["null", "string"] } },
    required: ["a"],
  };
  expect(describeArguments(inputSchema)).toBe("a*:integer b:null|string");
  expect(describeArguments({})).toBe("");
});
