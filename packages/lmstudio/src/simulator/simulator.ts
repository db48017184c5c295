// The simulated host on a port of its own, and the functions that change what it does while it runs.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createFaultPlan, type Fault } from "./faults.ts";
import { createHandler } from "./handler.ts";
import { createMemory } from "./memory.ts";
import { patchSettings, type SimulatorOptions, type SimulatorPatch, settingsOf } from "./options.ts";
import type { RecordedRequest } from "./recorded.ts";

/** One instance as it is now. */
export interface InstanceState {
  readonly id: string;
  readonly model: string;
  /** Requests that hold a slot. */
  readonly busy: number;
  /** Requests that wait for one. */
  readonly queued: number;
}

export interface LmStudioSimulator {
  /** Listens. @param port - 0 takes a free one. @returns the base URL, without `/v1`. */
  listen(port?: number, host?: string): Promise<string>;
  /** Loads one more instance, as a person does in the app; it is never evicted. @returns its id. */
  load(key: string): Promise<string>;
  /** Unloads an instance, even one at work. @returns whether there was one. */
  unload(id: string): boolean;
  /** Adds a fault; what it returns takes it back. @throws RangeError when it is none. */
  inject(fault: Fault): () => void;
  /** Changes options from now on. @throws RangeError for one that is out of range or cannot be changed. */
  configure(patch: SimulatorPatch): void;
  /** What is loaded and how busy it is. */
  instances(): readonly InstanceState[];
  /** The last 1 000 requests, oldest first. */
  requests(): readonly RecordedRequest[];
  /** Breaks all connections off and stops listening. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A host that behaves as LM Studio is reported to, faults included.
 *
 * @throws RangeError when an option is out of range.
 * @example
 * ```ts
 * const simulator = createLmStudioSimulator({ models: [{ key: "qwen/qwen3.5-9b", answer: "Four." }] });
 * const url = await simulator.listen();
 * ```
 */
export function createLmStudioSimulator(options: SimulatorOptions): LmStudioSimulator {
  const settings = settingsOf(options);
  const memory = createMemory(settings);
  const plan = createFaultPlan(settings.seed, settings.faults);
  const recorded: RecordedRequest[] = [];
  const configure = (patch: SimulatorPatch): void => patchSettings(settings, patch);
  const handler = createHandler({ settings, memory, plan, record, recorded: () => recorded, configure });
  // Keep-alive of 5 s, as seen on the wire (#618).
  const server = createServer({ keepAliveTimeout: 5_000 }, (request, response) => {
    void handler(request, response);
  });

  return {
    async listen(port = 0, host = "127.0.0.1") {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => resolve());
      });
      const { port: taken } = server.address() as AddressInfo;
      return `http://${host.includes(":") ? `[${host}]` : host}:${taken}`;
    },
    load: async (key) => (await memory.load(key)).instance.id,
    unload: memory.unload,
    inject: plan.add,
    configure,
    instances: () =>
      memory.instances().map(({ id, model, busy, queued }) => ({ id, model: model.key, busy, queued })),
    requests: () => [...recorded],
    close,
    [Symbol.asyncDispose]: close,
  };

  function record(request: RecordedRequest): void {
    recorded.push(request);
    if (recorded.length > 1_000) recorded.shift();
  }

  function close(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}
