// What changed between two looks at the gateway, one line each: what `status --watch` prints into a pipe.
import type { StatusReport } from "../status-report.ts";

/** The lines for the way from `before` (`undefined`: the first look) to `after`. */
export function describeChanges(before: StatusReport | undefined, after: StatusReport): readonly string[] {
  const lines: string[] = [];
  if (before?.status !== after.status) lines.push(`gateway ${arrow(before?.status, after.status)}`);
  const old = replicasOf(before);
  const current = replicasOf(after);
  for (const [id, replica] of current) {
    const previous = old.get(id);
    if (previous?.state !== replica.state)
      lines.push(`${id} ${arrow(previous?.state, replica.state)}${replica.why}`);
    if ((previous?.breaker ?? "closed") !== replica.breaker)
      lines.push(`${id} breaker ${arrow(previous?.breaker, replica.breaker)}`);
    if (previous !== undefined && previous.restarts < replica.restarts)
      lines.push(`${id} restarted (${replica.restarts} so far)`);
  }
  for (const id of old.keys()) if (!current.has(id)) lines.push(`${id} removed`);
  for (const pool of after.pools) {
    const tools = before?.pools.find(({ namespace }) => namespace === pool.namespace)?.tools;
    if (tools !== pool.tools) lines.push(`${pool.namespace} tools ${arrow(tools, pool.tools)}`);
  }
  const known = new Set(before?.problems.map(({ code, message }) => `${code} ${message}`));
  for (const { code, message, fix } of after.problems)
    if (!known.has(`${code} ${message}`)) lines.push(`problem ${code}: ${message} (fix: ${fix})`);
  return lines;
}

function replicasOf(report: StatusReport | undefined): Map<string, ReplicaState> {
  return new Map(
    report?.pools.flatMap((pool) =>
      pool.replicas.map((replica) => [
        replica.id,
        {
          state: replica.status,
          breaker: replica.breaker,
          restarts: replica.restarts,
          why: replica.reason === null ? "" : `: ${replica.reason.replace(/\s+/g, " ")}`,
        },
      ]),
    ),
  );
}

interface ReplicaState {
  readonly state: string;
  readonly breaker: string;
  readonly restarts: number;
  readonly why: string;
}

function arrow(before: string | number | undefined, after: string | number): string {
  return before === undefined ? String(after) : `${before} → ${after}`;
}
