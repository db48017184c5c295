// Asks the members: in the planner's order, so many at once, until the deadline or until enough have answered.
import { createBulkhead } from "@fairlead/core";
import type { LmStudioClient } from "../client/client.ts";
import { LmStudioError, type LmStudioErrorCode } from "../client/errors.ts";
import type { Answer } from "../client/generate.ts";
import { createAccount } from "./budget.ts";
import { extract } from "./extract.ts";
import { type Group, planCalls, surveyHosts } from "./plan.ts";
import type { Member, Query } from "./request.ts";
import type { MemberRow, MemberStatus } from "./result.ts";

/** Why the rest is called off. */
class EnoughAnswers extends Error {
  override readonly name = "EnoughAnswers";
}

/** Rows in the order of the seats. @param until - on the clock's scale. @throws the reason of the query's signal. */
export async function askPanel(
  client: LmStudioClient,
  query: Query,
  until: number,
): Promise<readonly MemberRow[]> {
  const { members, clock, maxConcurrent, k = members.length, onProgress } = query;
  const enough = new AbortController();
  const signal = query.signal === undefined ? enough.signal : AbortSignal.any([query.signal, enough.signal]);
  const places = createBulkhead({ limit: maxConcurrent, maxQueue: members.length, clock });
  const account = createAccount(query.budget, query.prompt);
  const rows = new Map<number, MemberRow>();
  const plan = planCalls(members, await surveyHosts(client, signal), client.hostsFor);

  const running = plan.ready.map((group) => ({ group, done: askGroup(group) }));
  const chains = [...plan.cold].map(async ([host, groups]) => {
    // What is loaded there would be unloaded by the first of these.
    const before = running.filter(({ group }) => group.host === host || plan.holders(group).includes(host));
    await Promise.all(before.map(({ done }) => done));
    for (const group of groups) await askGroup(group);
  });
  await Promise.all([...running.map(({ done }) => done), ...chains]);
  query.signal?.throwIfAborted();
  return members.flatMap(({ seat }) => rows.get(seat) ?? []);

  async function askGroup(group: Group): Promise<void> {
    await Promise.all(group.members.map((member) => askMember(member, group)));
  }

  async function askMember(member: Member, group: Group): Promise<void> {
    const row = await rowOf(member, group);
    rows.set(member.seat, row);
    const answered = [...rows.values()].filter(({ status }) => status === "ok").length;
    const message = `${member.model}: ${row.status === "ok" ? "answered" : `${row.status} (${row.code ?? ""})`}`;
    onProgress({ done: rows.size, total: members.length, message });
    if (answered >= k && rows.size < members.length) enough.abort(new EnoughAnswers("enough have answered"));
  }

  async function rowOf(member: Member, group: Group): Promise<MemberRow> {
    if (enough.signal.aborted) return failed(member, clock.now(), enough.signal.reason);
    const permit = await places.acquire({ signal }).catch((error: unknown) => error);
    const startedAt = clock.now();
    if (permit instanceof Error || !isPermit(permit)) return failed(member, startedAt, permit);
    const settle = account.reserve(member);
    if (settle === undefined) {
      permit.release();
      return {
        ...blank(member),
        status: "skipped",
        code: "BUDGET_EXCEEDED",
        message: "The budget does not allow it",
      };
    }
    try {
      const answer = await ask(member, group);
      const { text, reasoning, host, usage, warnings, timings } = answer;
      return {
        ...blank(member),
        status: "ok",
        host,
        text,
        reasoning: reasoning === "" ? undefined : reasoning,
        value: extract(query.extractor, text),
        latencyMs: clock.now() - startedAt,
        queueMs: timings.queueMs,
        loadMs: timings.loadMs,
        usage,
        cost: settle(usage),
        warnings,
      };
    } catch (error) {
      settle(undefined);
      return failed(member, startedAt, error);
    } finally {
      permit.release();
    }
  }

  async function ask(member: Member, group: Group): Promise<Answer> {
    const { model, system, temperature, maxTokens } = member;
    const request = {
      model,
      messages: [
        ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
        { role: "user" as const, content: query.prompt },
      ],
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
    const once = async (host: string | undefined): Promise<Answer> => {
      const left = until - clock.now();
      const timeoutMs = Math.min(left, query.modelTimeoutMs ?? left);
      if (timeoutMs <= 0)
        throw new LmStudioError("DEADLINE_EXCEEDED", "No time is left for this member", { model });
      return client.chat(request, { signal, timeoutMs, ...(host === undefined ? {} : { host }) });
    };
    try {
      return await once(group.host);
    } catch (error) {
      // The planner's choice may be gone; the client finds another.
      const chosen =
        group.host !== undefined && member.host === undefined && client.hostsFor(model).length > 1;
      if (!chosen || !(error instanceof LmStudioError) || !gone.has(error.code)) throw error;
      return once(undefined);
    }
  }

  function failed(member: Member, startedAt: number, error: unknown): MemberRow {
    const latencyMs = clock.now() - startedAt;
    if (error instanceof EnoughAnswers)
      return { ...blank(member), status: "cancelled", code: "CANCELLED", message: error.message, latencyMs };
    if (!(error instanceof LmStudioError)) {
      query.signal?.throwIfAborted();
      throw error;
    }
    const { code, message, host } = error;
    return { ...blank(member), status: statusOf(code), host, code, message, latencyMs };
  }
}

const gone: ReadonlySet<LmStudioErrorCode> = /* @__PURE__ */ new Set<LmStudioErrorCode>([
  "CONNECTION_FAILED",
  "CONNECT_TIMEOUT",
  "CIRCUIT_OPEN",
  "SERVER_ERROR",
]);

function statusOf(code: LmStudioErrorCode): MemberStatus {
  if (code === "RATE_LIMITED") return "rate-limited";
  return code === "DEADLINE_EXCEEDED" || code.endsWith("_TIMEOUT") ? "timeout" : "error";
}

function isPermit(value: unknown): value is { release(): void } {
  return typeof value === "object" && value !== null && "release" in value;
}

function blank({ seat, model, weight, host }: Member): MemberRow {
  return {
    seat,
    model,
    host,
    status: "error",
    text: undefined,
    reasoning: undefined,
    value: null,
    weight,
    score: undefined,
    latencyMs: 0,
    queueMs: undefined,
    loadMs: undefined,
    usage: undefined,
    cost: 0,
    code: undefined,
    message: undefined,
    warnings: [],
  };
}
