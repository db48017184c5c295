// In which order a panel is asked, so that a host loads each model at most once: what is loaded somewhere goes first and all at
// once; the others are spread over the hosts, and go model by model on each.
import type { LmStudioClient } from "../client/client.ts";
import { canonicalName, sameModel } from "../client/model-names.ts";
import type { Member } from "./request.ts";

/** Calls of one model that go together. */
export interface Group {
  readonly model: string;
  /** The host that loads it; `undefined` where the client may choose. */
  readonly host: string | undefined;
  readonly members: readonly Member[];
}

export interface Plan {
  /** Asked at once. */
  readonly ready: readonly Group[];
  /** Per host, one group after the other, once the groups of `ready` that run there are through. */
  readonly cold: ReadonlyMap<string, readonly Group[]>;
  /** Hosts that have the model of a ready group loaded. */
  holders(group: Group): readonly string[];
}

export interface PlannedHost {
  readonly name: string;
  /** Whether it loads models for requests. */
  readonly loads: boolean;
  /** What it has loaded. */
  readonly loaded: readonly string[];
  /** It has answered just now, or is not asked. */
  readonly up: boolean;
}

/** Asks the hosts what they have loaded; one that does not say counts as empty. */
export async function surveyHosts(
  client: LmStudioClient,
  signal: AbortSignal,
): Promise<readonly PlannedHost[]> {
  return Promise.all(
    client.hosts().map(async ({ name, api, circuit }) => {
      const loads = api === "lmstudio";
      if (!loads || circuit === "open") return { name, loads, loaded: [], up: !loads };
      try {
        const models = await client.models.list({ host: name, signal, timeoutMs: surveyMs });
        const loaded = models.filter((model) => model.loaded === true).map(({ key }) => key);
        return { name, loads, loaded, up: true };
      } catch {
        signal.throwIfAborted();
        return { name, loads, loaded: [], up: false };
      }
    }),
  );
}

/** Longer than this nobody waits for a host to say what it has, in milliseconds. */
const surveyMs = 2_000;

export function planCalls(
  members: readonly Member[],
  hosts: readonly PlannedHost[],
  hostsFor: (model: string) => readonly string[],
): Plan {
  const groups = new Map<string, { model: string; host: string | undefined; members: Member[] }>();
  for (const member of members) {
    const key = `${member.host ?? ""}\n${canonicalName(member.model)}`;
    const group = groups.get(key) ?? { model: member.model, host: member.host, members: [] };
    groups.set(key, group);
    group.members.push(member);
  }
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const cold = new Map<string, Group[]>();
  const ready: Group[] = [];
  for (const group of groups.values()) {
    const allowed = (group.host === undefined ? hostsFor(group.model) : [group.host]).flatMap(
      (name) => byName.get(name) ?? [],
    );
    const loading = allowed.filter(({ loads }) => loads);
    if (loading.length === 0 || loading.some((host) => holds(host, group.model))) ready.push(group);
    else {
      const up = loading.filter((host) => host.up);
      const { name } = emptiest(up.length > 0 ? up : loading);
      cold.set(name, [...(cold.get(name) ?? []), { ...group, host: name }]);
    }
  }
  return {
    ready,
    cold,
    holders: ({ model }) => hosts.filter((host) => holds(host, model)).map(({ name }) => name),
  };

  /** The fewest questions to answer, and then the fewest models to unload. */
  function emptiest(candidates: readonly PlannedHost[]): PlannedHost {
    const work = ({ name }: PlannedHost): number =>
      (cold.get(name) ?? []).reduce((sum, group) => sum + group.members.length, 0);
    return candidates.reduce((best, host) => {
      const difference = work(host) - work(best) || host.loaded.length - best.loaded.length;
      return difference < 0 ? host : best;
    });
  }
}

function holds({ loaded }: PlannedHost, model: string): boolean {
  return loaded.some((key) => sameModel(key, model));
}
