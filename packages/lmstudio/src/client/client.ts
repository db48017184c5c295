// The client: what it can be asked, and the parts that answer.
import type { AnswerDelta } from "./answer.ts";
import { type CallSettings, createCaller } from "./caller.ts";
import { type EmbeddingRequest, embed } from "./embed.ts";
import { LmStudioError } from "./errors.ts";
import { type Answer, type Generation, generate } from "./generate.ts";
import { createHost, type Host } from "./host.ts";
import { createLoader, type LoadResult, listModels, type ModelInfo, unloadInstance } from "./models.ts";
import { type LmStudioClientOptions, settingsOf } from "./options.ts";
import {
  type ChatRequest,
  type CompletionRequest,
  chatGeneration,
  completionGeneration,
} from "./requests.ts";
import { streamed } from "./stream.ts";

/** A part of a streamed answer; the last event has it whole. */
export type AnswerEvent = AnswerDelta | { readonly type: "end"; readonly answer: Answer };

export interface HostStatus {
  readonly name: string;
  readonly url: string;
  readonly circuit: "closed" | "open" | "half-open";
  /** Calls that run. */
  readonly inFlight: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
}

/** All functions throw {@link LmStudioError}, or the reason of the caller's signal. */
export interface LmStudioClient {
  /** The answer when it is complete. */
  chat(request: ChatRequest, settings?: CallSettings): Promise<Answer>;
  /** The answer as it comes. Nothing is sent before the first event is asked for; leaving early ends the generation. */
  streamChat(request: ChatRequest, settings?: CallSettings): AsyncGenerator<AnswerEvent, void, undefined>;
  /** Continues a text. */
  complete(request: CompletionRequest, settings?: CallSettings): Promise<Answer>;
  streamCompletion(
    request: CompletionRequest,
    settings?: CallSettings,
  ): AsyncGenerator<AnswerEvent, void, undefined>;
  /** One vector per text, in the order of the texts. */
  embed(request: EmbeddingRequest, settings?: CallSettings): Promise<readonly (readonly number[])[]>;
  readonly models: {
    /** What one host has. @see CallSettings.host */
    list(settings?: CallSettings): Promise<readonly ModelInfo[]>;
    /** The first loaded language model, or `undefined`. */
    current(settings?: CallSettings): Promise<ModelInfo | undefined>;
    /** Loads a model unless it is loaded. Callers at the same time share one load; loads of one host go one after the other. */
    load(
      request: { readonly model: string; readonly contextLength?: number },
      settings?: CallSettings,
    ): Promise<LoadResult>;
    /** Unloads an instance. @throws LmStudioError `MODEL_NOT_FOUND` when there is none. */
    unload(instanceId: string, settings?: CallSettings): Promise<void>;
  };
  /** Each host as it is now. */
  hosts(): readonly HostStatus[];
  /** Breaks all calls off and closes all connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A client of one or more LM Studio hosts.
 *
 * @throws RangeError when an option is out of range.
 * @example
 * ```ts
 * await using client = createLmStudioClient({ hosts: ["http://localhost:1234/v1"] });
 * const { text } = await client.chat({ model, messages: [{ role: "user", content: "Hello" }] });
 * ```
 */
export function createLmStudioClient(options: LmStudioClientOptions): LmStudioClient {
  const settings = settingsOf(options);
  const hosts = settings.hosts.map((host) => createHost(host, settings));
  const loaders = new Map(hosts.map((host) => [host, createLoader(host, settings.clock)]));
  const call = createCaller(hosts, settings);
  const closed = new AbortController();

  return {
    chat: (request, given) => whole(chatGeneration(request), given),
    streamChat: (request, given) => inParts(chatGeneration(request), given),
    complete: (request, given) => whole(completionGeneration(request), given),
    streamCompletion: (request, given) => inParts(completionGeneration(request), given),
    embed: async (request, given) => embed(request, untilClosed(given), call),
    models: {
      list,
      current: async (given) =>
        (await list(given)).find(({ type, loaded }) => type !== "embedding" && loaded === true),
      load: ({ model, contextLength }, given) =>
        control(given, model, async (host, signal) => {
          const loader = loaders.get(host);
          if (loader === undefined) throw new RangeError(`host ${host.name} is not one of this client's`);
          return loader.load(model, contextLength, signal);
        }),
      unload: (instanceId, given) =>
        control(given, instanceId, (host, signal) => unloadInstance(host, instanceId, signal)),
    },
    hosts: () =>
      hosts.map(({ name, url, breaker, load, admission }) => ({
        name,
        url,
        circuit: breaker.state.status,
        inFlight: load.inFlight,
        waiting: load.queueLength + admission.waiting,
      })),
    close,
    [Symbol.asyncDispose]: close,
  };

  async function whole(generation: Generation, given?: CallSettings): Promise<Answer> {
    return run(generation, untilClosed(given), () => {});
  }

  function inParts(
    generation: Generation,
    given?: CallSettings,
  ): AsyncGenerator<AnswerEvent, void, undefined> {
    const base = untilClosed(given);
    return streamed(base.signal, (signal, push) => run(generation, { ...base, signal }, push));
  }

  function run(
    generation: Generation,
    given: CallSettings,
    onDelta: (delta: AnswerDelta) => void,
  ): Promise<Answer> {
    const { model, promptLength, prefix } = generation;
    return call({ model, promptLength, prefix }, given, (attempt) => generate(generation, attempt, onDelta));
  }

  function list(given?: CallSettings): Promise<readonly ModelInfo[]> {
    return control(given, undefined, listModels);
  }

  /** Loading takes its time, so it has the complex time limit. */
  async function control<T>(
    given: CallSettings | undefined,
    model: string | undefined,
    action: (host: Host, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const subject = {
      promptLength: model === undefined ? 0 : Infinity,
      ...(model === undefined ? {} : { model }),
    };
    return call(subject, untilClosed(given), ({ host, signal }) => action(host, signal));
  }

  function untilClosed(given: CallSettings = {}): CallSettings & { readonly signal: AbortSignal } {
    const { signal } = given;
    return {
      ...given,
      signal: signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]),
    };
  }

  async function close(): Promise<void> {
    closed.abort(new LmStudioError("CLIENT_CLOSED", "The client is closed"));
    await Promise.all(hosts.map(({ transport }) => transport.close()));
  }
}
