// Which models are loaded, and what happens when a request needs one that is not: loads, evictions, contention.
import { createInstance, type Instance } from "./instance.ts";
import type { Model, Settings } from "./options.ts";
import { htmlError, loadError, modelNotFound, noModelLoaded, Refusal } from "./refusal.ts";

interface Loaded {
  readonly instance: Instance;
  /** How long this request waited for the load, in milliseconds; absent when it was loaded already. */
  readonly loadMs?: number;
}

/** What a request that has a model loaded can say about it. */
export interface LoadWish {
  /** Idle time after which it is unloaded, in milliseconds. */
  readonly ttlMs?: number | undefined;
  /** In tokens. */
  readonly contextLength?: number | undefined;
}

export interface Memory {
  /** The instance that answers a request for `name`. @throws {@link Refusal} as a real host refuses. */
  resolve(name: string | undefined, type: Model["type"], wish?: LoadWish): Promise<Loaded>;
  /** How long a request for `name` would wait for a load; `undefined` when it would not. */
  loadMsOf(name: string | undefined): number | undefined;
  /** What is on the disk. */
  models(): readonly Model[];
  /** A download has ended. */
  addModel(model: Model): void;
  /** Loads one more instance, as `POST /api/v1/models/load` does. @throws {@link Refusal} for an unknown key. */
  load(key: string, contextLength?: number): Promise<Loaded>;
  /** @returns whether there was one. */
  unload(id: string): boolean;
  instances(): readonly Instance[];
}

export function createMemory(settings: Settings): Memory {
  const { clock } = settings;
  const models = settings.models.filter(({ downloaded }) => downloaded);
  const loaded: Instance[] = [];
  const loads = new Map<string, Promise<Instance>>();
  const names = new Set<string>();
  for (const model of models) if (model.loaded) add(model, false, model.contextLength);

  return {
    resolve,
    loadMsOf,
    load,
    unload,
    instances: () => current(),
    models: () => models,
    addModel: (model) => void models.push(model),
  };

  function loadMsOf(name: string | undefined): number | undefined {
    const instances = current();
    if (instances.some(({ id }) => id === name) || firstOf(name) !== undefined || !settings.justInTime)
      return undefined;
    return models.find(({ key }) => key === bare(name ?? ""))?.loadMs;
  }

  async function resolve(
    name: string | undefined,
    type: Model["type"],
    wish: LoadWish = {},
  ): Promise<Loaded> {
    const instances = current();
    const found = instances.find(({ id }) => id === name) ?? firstOf(name);
    if (found !== undefined) return used(found, wish);
    const model = models.find(({ key }) => key === bare(name ?? ""));
    const candidates = instances.filter((instance) => instance.model.type === type);
    if (model !== undefined && settings.justInTime) return loadForRequest(model, wish);
    const only = candidates.length === 1 ? candidates[0] : undefined;
    // Silent substitution (#619): with one model loaded, its name in the request does not matter.
    if (only !== undefined && (settings.substitutes || name === undefined)) return used(only);
    if (candidates.length === 0) throw noModelLoaded(settings.noModelStatus);
    throw modelNotFound(
      name ?? "",
      candidates.map(({ id }) => id),
    );
  }

  async function loadForRequest(model: Model, wish: LoadWish): Promise<Loaded> {
    const since = clock.now();
    const running = loads.get(model.key);
    // Requests for a cold model that arrive together load one instance each (#1751), on hosts that have this fault.
    if (running !== undefined && !settings.duplicateLoads)
      return { ...used(await running, wish), loadMs: clock.now() - since };
    const other = [...loads.keys()].find((key) => key !== model.key);
    if (other !== undefined) {
      if (settings.swapContention === "html-500") throw htmlError();
      if (settings.swapContention === "aborted-400") throw loadError("load-aborted", model.key);
      await loads.get(other);
      return resolve(model.key, model.type, wish);
    }
    // At most one model loaded by requests stays, even when it is still at work (#671, #1796).
    if (settings.autoEvict)
      for (const instance of current())
        if (instance.justInTime && instance.model.key !== model.key) remove(instance);
    const instance = await begin(model, true, wish.contextLength ?? model.contextLength);
    return { ...used(instance, wish), loadMs: clock.now() - since };
  }

  async function load(key: string, contextLength?: number): Promise<Loaded> {
    const since = clock.now();
    const model = models.find((candidate) => candidate.key === bare(key));
    if (model === undefined)
      throw new Refusal(404, {
        error: { type: "model_not_found", message: `Model "${key}" was not found` },
      });
    // Every successful load adds an instance, even if one is resident.
    const instance = await begin(model, false, contextLength ?? model.contextLength);
    return { ...used(instance), loadMs: clock.now() - since };
  }

  function begin(model: Model, byRequest: boolean, contextLength: number): Promise<Instance> {
    const loading = clock.sleep(model.loadMs).then(() => add(model, byRequest, contextLength));
    loads.set(model.key, loading);
    const done = (): void => {
      if (loads.get(model.key) === loading) loads.delete(model.key);
    };
    loading.then(done, done);
    return loading;
  }

  function add(model: Model, byRequest: boolean, contextLength: number): Instance {
    let id = model.key;
    for (let copy = 2; names.has(id); copy += 1) id = `${model.key}:${copy}`;
    names.add(id);
    const instance = createInstance({ id, model, justInTime: byRequest, contextLength, clock });
    loaded.push(instance);
    return instance;
  }

  function unload(id: string): boolean {
    const instance = current().find((candidate) => candidate.id === id);
    if (instance !== undefined) remove(instance);
    return instance !== undefined;
  }

  function remove(instance: Instance): void {
    loaded.splice(loaded.indexOf(instance), 1);
    names.delete(instance.id);
    instance.unload();
  }

  /** What is loaded now: the time to live is looked at when somebody looks. */
  function current(): readonly Instance[] {
    const now = clock.now();
    for (const instance of [...loaded]) {
      const idle = instance.busy === 0 && instance.queued === 0;
      if (instance.justInTime && idle && now - instance.lastUsedAt >= (instance.ttlMs ?? settings.idleTtlMs))
        remove(instance);
    }
    return [...loaded];
  }

  function firstOf(name: string | undefined): Instance | undefined {
    return loaded.find(({ model }) => model.key === bare(name ?? ""));
  }

  function used(instance: Instance, { ttlMs }: LoadWish = {}): Loaded {
    instance.lastUsedAt = clock.now();
    if (ttlMs !== undefined) instance.ttlMs = ttlMs;
    return { instance };
  }
}

/** `key@variant` names the model itself. */
function bare(name: string): string {
  return name.split("@", 1)[0] ?? name;
}
