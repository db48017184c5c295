import { describe, expect, it } from "vitest";
import { compileUriTemplate } from "./uri-template.ts";

describe("compileUriTemplate", () => {
  it.each([
    ["demo://text/{id}", "demo://text/3", true],
    ["demo://text/{id}", "demo://text/", true],
    ["demo://text/{id}", "demo://text/3/4", false],
    ["demo://text/{id}", "demo://blob/3", false],
    ["demo://text/{+path}", "demo://text/3/4", true],
    ["file:///{path*}", "file:///a/b.txt", true],
    ["a/{x}/b/{y}", "a/1/b/2", true],
    ["a/{x}/b/{y}", "a/1/c/2", false],
    ["a/{x}.json", "a/1.json", true],
    ["a/{x}.json", "a/1.jso", false],
    ["a/{x}.json", "a/.json.json", true],
    ["search{?q,lang}", "search?q=1&lang=en", true],
    ["plain://uri", "plain://uri", true],
    ["plain://uri", "plain://uri2", false],
    ["broken/{x", "broken/1", false],
  ])("%s matches %s: %s", (template, uri, expected) => {
    expect(compileUriTemplate(template).matches(uri)).toBe(expected);
  });

  it("does not backtrack on a template made to make it", () => {
    const template = compileUriTemplate(`${"{a}x".repeat(1_000)}y`);
    expect(template.matches(`${"x".repeat(8_000)}z`)).toBe(false);
  });
});
