import { describe, expect, it } from "vitest";
import { checkExtractor, type Extractor, extract } from "./extract.ts";

describe("an extractor", () => {
  it.each<[Extractor, string, string | null]>([
    [{ kind: "text" }, "  Yes,\n it is. ", "yes, it is"],
    [{ kind: "text" }, "$1,200.00", "1200"],
    [{ kind: "text" }, "...", null],
    [{ kind: "last-number" }, "3 eggs and then 1,234.50 dollars.", "1234.5"],
    [{ kind: "last-number" }, "It is -7", "-7"],
    [{ kind: "last-number" }, "about .5", "0.5"],
    [{ kind: "last-number" }, "none at all", null],
    [{ kind: "choice", choices: ["yes", "no"] }, "No… well, yes! I know.", "yes"],
    [{ kind: "choice", choices: ["yes", "no"] }, "I know nothing", null],
    [{ kind: "choice", choices: ["New", "New York"] }, "I say new york.", "New York"],
    [{ kind: "regex", pattern: "A:\\s*(.*)" }, "A: 1\nA: 1,000", "1000"],
    [{ kind: "regex", pattern: "x+" }, "ab xxx", "xxx"],
    [{ kind: "regex", pattern: "(a)|b", group: 1 }, "b", "b"],
    [{ kind: "regex", pattern: "x" }, "abc", null],
    [{ kind: "json" }, '{"b":1,"a":[2]}', '{"a":[2],"b":1}'],
    [{ kind: "json", path: "a.0.c" }, 'Here:\n```json\n{"a":[{"c":" Yes "}]}\n```', "yes"],
    [{ kind: "json", path: "ok" }, 'I think {"ok": true} is it', "true"],
    [{ kind: "json", path: "missing" }, '{"a":1}', null],
    [{ kind: "json", path: "a" }, "no JSON", null],
  ])("%j of %j is %j", (extractor, text, value) => {
    expect(extract(extractor, text)).toBe(value);
  });

  it("finds nothing with a pattern that runs away, and comes to an end", () => {
    expect(extract({ kind: "regex", pattern: "^(a+)+$" }, `${"a".repeat(60)}!`)).toBeNull();
  });

  it("is refused when it is none", () => {
    const check = (extractor: Extractor) => () => checkExtractor(extractor);
    expect(check({ kind: "regex", pattern: "(" })).toThrow(
      "extractor.pattern must be a regular expression, got (",
    );
    expect(check({ kind: "regex", pattern: "x".repeat(501) })).toThrow("at most 500 characters");
    expect(check({ kind: "choice", choices: [] })).toThrow("extractor.choices must not be empty");
  });
});
