// The other side of a thread: answers calls, in their order.
import { parentPort } from "node:worker_threads";
import type { Failure } from "./failure.ts";
import type { ThreadRequest, ThreadResponse } from "./thread.ts";

/** Answers each call with what `run` returns, or with its error as `describe` puts it. */
export function serveThread(
  run: (method: string, parameters: readonly unknown[]) => unknown,
  describe: (error: unknown) => Failure,
): void {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker thread");
  let before: Promise<void> = Promise.resolve();
  const answer = async ({ id, method, parameters }: ThreadRequest): Promise<void> => {
    let response: ThreadResponse;
    try {
      response = { id, result: await run(method, parameters) };
    } catch (error) {
      response = { id, failure: describe(error) };
    }
    port.postMessage(response);
  };
  port.on("message", (request: ThreadRequest) => {
    before = before.then(() => answer(request));
  });
}
