import fc from "fast-check";
import { expect, it } from "vitest";
import { publicName } from "./names.ts";

it("joins namespace and name", () => {
  expect(publicName("everything", "__", "echo")).toBe("everything__echo");
  expect(publicName("a", "-", "get-sum")).toBe("a-get-sum");
});

it("replaces what clients do not accept, always the same way", () => {
  expect(publicName("a", "__", "files.read/all ü")).toBe("a__files_read_all__");
});

it("shortens with a hash that tells long names apart", () => {
  const long = "x".repeat(80);
  expect(publicName("pool", "__", `${long}1`)).not.toBe(publicName("pool", "__", `${long}2`));
  expect(publicName("pool", "__", `${long}1`)).toMatch(/^pool__x{49}_[0-9a-f]{8}$/);
});

it("always fits, and is a function of its arguments", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/),
      fc.string({ minLength: 1, maxLength: 200 }),
      (namespace, name) => {
        const result = publicName(namespace, "__", name);
        expect(result).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(publicName(namespace, "__", name)).toBe(result);
      },
    ),
  );
});
