// One thread with one connection to the file.
import { workerData } from "node:worker_threads";
import { serveThread } from "../../threads/serve.ts";
import { createEngine, type Engine, type EngineOptions } from "./engine.ts";
import { describeFailure } from "./failures.ts";

const options = workerData as EngineOptions;
let engine: Engine | undefined;

serveThread(
  (method, parameters) => {
    engine ??= createEngine(options);
    const call = engine[method as keyof Engine] as (...parameters: readonly unknown[]) => unknown;
    const result = call(...parameters);
    if (method === "close") engine = undefined;
    return result;
  },
  (error) => describeFailure(error, options),
);
