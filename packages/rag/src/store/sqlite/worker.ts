// One thread with one connection: takes a method and its arguments, answers with the result or a described error.
import { parentPort, workerData } from "node:worker_threads";
import { createEngine, type Engine, type EngineOptions } from "./engine.ts";
import { describeFailure, type WorkerRequest, type WorkerResponse } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");

let engine: Engine | undefined;
port.on("message", ({ id, method, parameters }: WorkerRequest) => {
  let response: WorkerResponse;
  try {
    engine ??= createEngine(workerData as EngineOptions);
    const call = engine[method] as (...parameters: readonly unknown[]) => unknown;
    response = { id, result: call(...parameters) };
    if (method === "close") engine = undefined;
  } catch (error) {
    response = { id, failure: describeFailure(error, workerData as EngineOptions) };
  }
  port.postMessage(response);
});
