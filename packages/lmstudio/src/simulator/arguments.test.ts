import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readArguments } from "./arguments.ts";

it("listens on LM Studio's port with two models when nothing is said", () => {
  expect(readArguments([])).toMatchObject({
    port: 1234,
    host: "127.0.0.1",
    options: { models: [{ key: "qwen/qwen3.5-9b" }, { key: "google/gemma-4-26b-a4b" }] },
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

it("reads every option from a file, and what stands beside it wins", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-simulator-"));
  try {
    const file = join(folder, "simulator.json");
    const config = { models: [{ key: "m", loadMs: 9 }], swapContention: "wait", seed: 4, overflow: "none" };
    await writeFile(file, JSON.stringify(config));
    expect(readArguments(["--config", file, "--seed", "5", "--overflow", "empty-200"])?.options).toEqual({
      ...config,
      seed: 5,
      overflow: "empty-200",
    });
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(() => readArguments(["--overflow", "x"])).toThrow("--overflow must be one of string-400");
});

it("refuses what it does not understand", () => {
  expect(() => readArguments(["--port", "x"])).toThrow("--port must be a number from 0, got x");
  expect(() => readArguments(["--nothing"])).toThrow();
  expect(readArguments(["--help"])).toBeUndefined();
});
