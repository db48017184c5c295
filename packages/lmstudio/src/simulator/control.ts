// `/__simulator/*`: what the functions do in a program, over HTTP for tests in other languages. Not an API of LM Studio.
import { type Body, textOf } from "./exchange.ts";
import { type Fault, type FaultPlan, faultKinds } from "./faults.ts";
import type { Memory } from "./memory.ts";
import type { SimulatorPatch } from "./options.ts";
import type { RecordedRequest } from "./recorded.ts";
import { Refusal, required } from "./refusal.ts";

export interface Control {
  /** The answer, or `undefined` for a path that is not one of these. @throws {@link Refusal} */
  answer(route: string, body: () => Promise<Body>): Promise<object | undefined>;
}

export interface ControlOptions {
  readonly plan: FaultPlan;
  readonly memory: Memory;
  readonly requests: () => readonly RecordedRequest[];
  readonly configure: (patch: SimulatorPatch) => void;
}

export function createControl({ plan, memory, requests, configure }: ControlOptions): Control {
  const injected = new Map<string, { readonly fault: Fault; readonly remove: () => void }>();
  let count = 0;

  return {
    async answer(route, body) {
      if (route === "GET /__simulator/state")
        return {
          instances: memory
            .instances()
            .map(({ id, model, busy, queued }) => ({ id, model: model.key, busy, queued })),
          requests: requests(),
          faults: [...injected].map(([id, { fault }]) => ({ id, ...fault })),
          faultKinds,
        };
      if (route === "PATCH /__simulator/settings") return change(await body());
      if (route === "POST /__simulator/faults") return inject(await body());
      if (route === "DELETE /__simulator/faults") {
        for (const id of [...injected.keys()]) remove(id);
        return { removed: "all" };
      }
      const prefix = "DELETE /__simulator/faults/";
      return route.startsWith(prefix) ? remove(route.slice(prefix.length)) : undefined;
    },
  };

  function change(patch: Body): object {
    try {
      configure(patch as SimulatorPatch);
    } catch (error) {
      throw new Refusal(400, { error: String(error) });
    }
    return { changed: Object.keys(patch) };
  }

  function inject(body: Body): object {
    if (textOf(body["kind"]) === undefined) throw required("kind");
    const fault = body as unknown as Fault;
    let take: () => void;
    try {
      take = plan.add(fault);
    } catch (error) {
      throw new Refusal(400, { error: String(error) });
    }
    count += 1;
    const id = String(count);
    injected.set(id, { fault, remove: take });
    return { id };
  }

  function remove(id: string): object {
    const known = injected.get(id);
    if (known === undefined) throw new Refusal(404, { error: `no fault with id ${id}` });
    known.remove();
    injected.delete(id);
    return { removed: id };
  }
}
