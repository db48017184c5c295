// The client: what it can be asked, and the parts that answer.

import { serving } from "./backend.ts";
import { type Attempt, type CallSettings, createCaller } from "./caller.ts";
import { type DownloadRequest, type DownloadResult, download } from "./download.ts";
import { type EmbeddingRequest, embed } from "./embed.ts";
import { LmStudioError } from "./errors.ts";
import { type Answer, type AnswerEvent, generate } from "./generate.ts";
import { createHost, type Host } from "./host.ts";
import type { HostStats } from "./host-stats.ts";
import { type LlmRequestOptions, llmRequest } from "./llm-request.ts";
import { createLoader, type LoadRequest, type LoadResult, unloadInstance } from "./loader.ts";
import { listModels, type ModelInfo } from "./models.ts";
import { type LmStudioClientOptions, settingsOf } from "./options.ts";
import type { OnPart, WireName } from "./parts.ts";
import { asChat, type ChatRequest, type CompletionRequest, prefixOf, promptLengthOf } from "./requests.ts";
import { streamed } from "./stream.ts";
import type { Backend } from "./wire/index.ts";

export interface HostStatus {
  readonly name: string;
  readonly api: Backend;
  readonly url: string;
  readonly circuit: "closed" | "open" | "half-open";
  /** Calls that run. */
  readonly inFlight: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  readonly stats: HostStats;
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
  /** A prompt and nothing else, with the time limit of what it is for; asks the model that is loaded when none is given. */
  makeLlmRequestWithRetry(prompt: string, options?: LlmRequestOptions): Promise<Answer>;
  readonly models: {
    /** What one host has. @see CallSettings.host */
    list(settings?: CallSettings): Promise<readonly ModelInfo[]>;
    /** The first loaded language model, or `undefined`. */
    current(settings?: CallSettings): Promise<ModelInfo | undefined>;
    /** Loads a model unless it is loaded. Callers at the same time share one load; loads of one host go one after the other. */
    load(request: LoadRequest, settings?: CallSettings): Promise<LoadResult>;
    /** Unloads an instance. @throws LmStudioError `MODEL_NOT_FOUND` when there is none. */
    unload(instanceId: string, settings?: CallSettings): Promise<void>;
    /** Has the host fetch a model, and waits for it; without a `timeoutMs`, for up to a day. */
    download(request: DownloadRequest, settings?: CallSettings): Promise<DownloadResult>;
  };
  /** Each host as it is now. */
  hosts(): readonly HostStatus[];
  /** Names of the hosts that are asked for a model. */
  hostsFor(model: string): readonly string[];
  /** Breaks all calls off and closes all connections. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const dayMs = 86_400_000;

/**
 * A client of one or more LM Studio hosts, and of other servers of language models beside them.
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
  const { clock } = settings;
  const closed = new AbortController();
  const hosts = settings.hosts.map((host) => createHost(host, settings, closed.signal));
  const loaders = new Map(hosts.map((host) => [host, createLoader(host, clock)]));
  const call = createCaller(hosts, settings);

  const client: LmStudioClient = {
    chat: (request, given) => whole(request, request.api, given),
    streamChat: (request, given) => inParts(request, request.api, given),
    complete: (request, given) => whole(asChat(request), "completions", given),
    streamCompletion: (request, given) => inParts(asChat(request), "completions", given),
    embed: async (request, given) => embed(request, untilClosed(given), call),
    makeLlmRequestWithRetry: (prompt, given) => llmRequest(client, prompt, given),
    models: {
      list,
      current: async (given) =>
        (await list(given)).find(({ type, loaded }) => type !== "embedding" && loaded === true),
      load: (request, given) => control(given, request.model, loadAt(request), "beside"),
      unload: (instanceId, given) =>
        control(given, instanceId, (host, signal) => unloadInstance(host, instanceId, signal)),
      download: async (request, given = {}) => {
        const { signal } = untilClosed(given);
        // Its one long wait is no attempt that could hang, so it goes past the time limit of one.
        const host = hosts.find(({ name, api }) =>
          given.host === undefined ? api === "lmstudio" : name === given.host,
        );
        if (host === undefined)
          throw new RangeError(`host must be one of ${hosts.map(({ name }) => name).join(", ")}`);
        const limit = new AbortController();
        const { timeoutMs = dayMs } = given;
        const timer = clock.sleep(timeoutMs, AbortSignal.any([limit.signal, closed.signal])).then(
          () =>
            limit.abort(
              new LmStudioError("DEADLINE_EXCEEDED", `No download within ${timeoutMs} ms`, { timeoutMs }),
            ),
          () => {},
        );
        try {
          return await download(host, request, clock, AbortSignal.any([signal, limit.signal]));
        } finally {
          limit.abort(new Error("downloaded"));
          await timer;
        }
      },
    },
    hosts: () =>
      hosts.map(({ name, api, url, breaker, load, admission, gate, counter }) => ({
        name,
        api,
        url,
        circuit: breaker.state.status,
        inFlight: load.inFlight,
        waiting: load.queueLength + admission.waiting + (gate?.waiting ?? 0),
        stats: counter.read(),
      })),
    hostsFor: (model) => serving(hosts, model).map(({ name }) => name),
    close,
    [Symbol.asyncDispose]: close,
  };
  return client;

  async function whole(
    request: ChatRequest,
    wire: WireName | undefined,
    given?: CallSettings,
  ): Promise<Answer> {
    return run(request, wire, untilClosed(given), () => {});
  }

  function inParts(
    request: ChatRequest,
    wire: WireName | undefined,
    given?: CallSettings,
  ): AsyncGenerator<AnswerEvent, void, undefined> {
    const base = untilClosed(given);
    return streamed(base.signal, (signal, push) => run(request, wire, { ...base, signal }, push));
  }

  function run(
    request: ChatRequest,
    wire: WireName | undefined,
    given: CallSettings,
    onPart: OnPart,
  ): Promise<Answer> {
    const { model } = request;
    const subject = {
      model,
      promptLength: promptLengthOf(request),
      prefix: prefixOf(request),
      loads: "in-place" as const,
      wire,
    };
    return call(
      subject,
      given,
      (attempt) => generate(request, wire, attempt, clock, onPart),
      () => onPart({ type: "progress", stage: "loading", share: undefined }),
    );
  }

  function list(given?: CallSettings): Promise<readonly ModelInfo[]> {
    return control(given, undefined, async (host, signal) => {
      const learn = host.residency.listen();
      const models = await listModels(host, signal);
      learn(models);
      return models;
    });
  }

  /** Loading takes its time, so it has the complex time limit. */
  async function control<T>(
    given: CallSettings | undefined,
    model: string | undefined,
    action: (host: Host, signal: AbortSignal, attempt: Attempt) => Promise<T>,
    loads?: "beside",
  ): Promise<T> {
    const subject = {
      promptLength: model === undefined ? 0 : Infinity,
      ...(model === undefined ? {} : { model }),
      ...(loads === undefined ? {} : { loads }),
    };
    return call(subject, untilClosed(given), (attempt) => action(attempt.host, attempt.signal, attempt));
  }

  function loadAt(request: LoadRequest) {
    return async (host: Host, signal: AbortSignal, attempt: Attempt): Promise<LoadResult> => {
      const loader = loaders.get(host);
      if (loader === undefined) throw new RangeError(`host ${host.name} is not one of this client's`);
      const result = await loader.load(request, signal);
      attempt.answered();
      return result;
    };
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
