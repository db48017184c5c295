import { expect, it } from "vitest";
import { readArguments } from "./arguments.ts";

it("listens on LM Studio's port with two models when nothing is said", () => {
  expect(readArguments([])).toMatchObject({
    port: 1234,
    host: "127.0.0.1",
    options: { models: [{ key: "qwen/qwen3.5-9b" }, { key: "google/gemma-4-26b-a4b" }], seed: 1 },
  });
});

it("reads models, speeds and faults", () => {
  const args = "--port 0 --model m --load-ms 5 --fault empty=0.1 --fault crash --api-token t".split(" ");
  expect(readArguments(args)).toMatchObject({
    port: 0,
    options: {
      models: [{ key: "m", loadMs: 5 }],
      faults: [
        { kind: "empty", rate: 0.1 },
        { kind: "crash", rate: 1 },
      ],
      apiToken: "t",
    },
  });
});

it("refuses what it does not understand", () => {
  expect(() => readArguments(["--port", "x"])).toThrow("--port must be a number from 0, got x");
  expect(() => readArguments(["--nothing"])).toThrow();
  expect(readArguments(["--help"])).toBeUndefined();
});
