// The failover scenario's result: one table a fault, and what was promised for crashes and hangs.
import type { Fault } from "../faults.ts";
import type { Chart, Claim, ScenarioResult, Table } from "../result.ts";
import type { FailoverEffort } from "./failover.ts";
import type { FaultOutcome } from "./failover-run.ts";

export interface FaultCell {
  readonly name: string;
  /** With its version. */
  readonly target: string;
  readonly upstream: "http" | "stdio";
  readonly replicas: number;
  readonly isOwn: boolean;
  readonly fault: string;
  readonly outcome: FaultOutcome;
}

export function presentFailover(
  cells: readonly FaultCell[],
  faults: readonly Fault[],
  effort: FailoverEffort,
  skipped: readonly string[],
): ScenarioResult {
  const of = (fault: Fault): FaultCell[] => cells.filter((cell) => cell.fault === fault.name);
  return {
    scenario: "failover",
    title: "When servers fail",
    summary: [
      `Calls arrive at random, ${effort.own.rate} a second, each 20 ms of work, while a server behind the program in the middle is made to fail. With several servers (replicas) one of them fails, else the only one. Three of four calls ask only and may be repeated; every fourth changes something and must never be executed twice, so that when its server dies in the middle of it, an honest error is all that anybody can give.`,
      `Added is what a repeatable call took beyond the usual (the median before the fault), for all such calls from the fault until a second after its end. A ledger on the server's side tells how often each call was really executed. The fault happens ${printTimes(effort.own.cycles)} to each gateway of this project, ${printTimes(effort.others.cycles)} to the others.${printRounds(effort)}`,
    ],
    tables: faults.map((fault) => tableOf(fault, of(fault))),
    charts: faults.map((fault) => chartOf(fault, of(fault))),
    claims: [...documentClaims(cells), ...claimsOf(cells)],
    keyFigures: [],
    skipped,
    data: { effort, cells },
  };
}

function nameOf({ target, upstream }: FaultCell): string {
  return `${target}, ${upstream === "http" ? "HTTP" : "stdio"}`;
}

function tableOf({ name, words }: Fault, cells: readonly FaultCell[]): Table {
  return {
    title: `${name}: ${words}`,
    note: "Failed: answered with an error. Lost: never answered at all. First good answer: to a call made after the fault. The p99 before the fault is beyond the median as well: what is no more than that is no fault's doing. Back: whether clients that were connected before got good answers after the fault's end, and whether a client that connects then does. Programs whose servers are their own child processes have to start them again themselves.",
    columns: [
      "through",
      "calls",
      "repeatable failed",
      "others failed",
      "lost",
      "first good answer ms",
      "after the end ms",
      "added p50 ms",
      "p99",
      "max",
      "p99 before the fault",
      "executed twice (may not be)",
      "back: old clients",
      "new ones",
    ],
    rows: cells.map((cell) => {
      const { outcome } = cell;
      return [
        nameOf(cell),
        outcome.calls,
        outcome.errors.repeatable,
        outcome.errors.other,
        outcome.unanswered,
        printMs(outcome.firstGoodMs),
        printMs(outcome.firstGoodAfterMs),
        printMs(outcome.added.p50, 1),
        printMs(outcome.added.p99, 1),
        printMs(outcome.added.max, 1),
        printMs(outcome.quietAddedP99Ms, 1),
        outcome.executedAgain.other,
        outcome.clientsRecovered ? "yes" : "no",
        outcome.newClientWorks ? "yes" : "no",
      ];
    }),
  };
}

function printMs(value: number | null, digits = 0): string {
  return value === null || !Number.isFinite(value) ? "never" : value.toFixed(digits);
}

/** A server that is only slow makes calls wait rather than fail. */
function chartOf({ name }: Fault, cells: readonly FaultCell[]): Chart {
  const waits = name === "hang" || name === "slow";
  return {
    title: waits
      ? `${name}: what a call took beyond the usual (p99)`
      : `${name}: calls that failed or were lost`,
    unit: waits ? "milliseconds, less is better" : "percent of all calls, less is better",
    kind: "bars",
    labels: cells.map(nameOf),
    series: [
      {
        name: waits ? "added" : "failed or lost",
        values: cells.map(({ outcome: { added, errors, unanswered, calls } }) =>
          waits ? added.p99 : (100 * (errors.repeatable + errors.other + unanswered)) / calls,
        ),
      },
    ],
  };
}

function printTimes(times: number): string {
  return times === 1 ? "once" : `${times} times`;
}

function printRounds({ rounds = 1 }: FailoverEffort): string {
  return rounds === 1
    ? ""
    : ` Crashes and hangs of one of several servers are measured ${printTimes(rounds)}: times are those of the round in the middle, errors those of all.`;
}

/** Where one of several replicas fails; what one alone cannot give was never promised. */
function claimsOf(cells: readonly FaultCell[]): Claim[] {
  return cells
    .filter(({ isOwn, replicas }) => isOwn && replicas > 1)
    .flatMap((cell): Claim[] => {
      const { added, errors, executedAgain, quietAddedP99Ms, quietP95Ms, roundsP99Ms, unanswered } =
        cell.outcome;
      const each =
        roundsP99Ms === undefined
          ? ""
          : `; each round's p99 ${roundsP99Ms.map((ms) => ms.toFixed(1)).join(", ")}`;
      const took = `p99 ${added.p99.toFixed(1)} ms, longest ${added.max.toFixed(1)} ms (before the fault: p99 ${quietAddedP99Ms.toFixed(1)} ms${each})`;
      const name = `${cell.fault}, ${nameOf(cell)}`;
      const claims: Claim[] = [
        {
          source: "this project",
          claim: `${name}: no repeatable call fails, none is lost, no other call is executed twice`,
          measured: `${errors.repeatable} failed, ${unanswered} lost, ${executedAgain.other} executed twice`,
          limit: "0",
          met: errors.repeatable + unanswered + executedAgain.other === 0,
        },
      ];
      if (cell.fault === "crash")
        claims.push({
          source: "this project",
          claim: `${name}: repeatable calls take at most 10 ms longer (p99), 50 ms at the most`,
          measured: took,
          limit: "the call's work once more: 20 ms",
          met: added.p99 <= 10 && added.max <= 50,
        });
      if (cell.fault === "hang") {
        const goal = Math.max(quietP95Ms, 150) + 10;
        claims.push({
          source: "this project",
          claim: `${name}: repeatable calls take at most ${goal.toFixed(0)} ms longer (p99)`,
          measured: took,
          limit: "the wait before another server is asked (150 ms)",
          met: added.p99 <= goal,
        });
      }
      return claims;
    });
}

const DOCUMENT = "mcp-multiplexing-system.md";

/** What the document promises of failover in general, from the gateway with three replicas beside the gateway with one. */
function documentClaims(cells: readonly FaultCell[]): Claim[] {
  const own = cells.filter(({ isOwn }) => isOwn);
  const three = own.filter(({ replicas }) => replicas === 3);
  const ofFault = (fault: string, replicas: number): FaultOutcome | undefined =>
    own.find((cell) => cell.fault === fault && cell.replicas === replicas && cell.upstream === "http")
      ?.outcome;
  const claims: Claim[] = [];
  const [single, several] = [ofFault("hang", 1), ofFault("hang", 3)];
  if (single !== undefined && several !== undefined) {
    for (const [quantile, promised, claim] of [
      ["p95", 40, "P95: 40 to 60 % less with failover"],
      ["p99", 60, "P99: 60 to 80 % less with circuit breakers"],
    ] as const) {
      const less = 100 * (1 - several.during[quantile] / single.during[quantile]);
      claims.push({
        source: DOCUMENT,
        claim,
        measured: `${less.toFixed(0)} % less while a server hangs: ${single.during[quantile].toFixed(0)} ms with one server, ${several.during[quantile].toFixed(0)} ms with three`,
        limit: "what the call takes without a fault",
        met: less >= promised,
      });
    }
  }
  const good = (pick: (outcome: FaultOutcome) => number): number =>
    three.reduce((sum, { outcome }) => sum + pick(outcome), 0);
  const calls = good((outcome) => outcome.calls);
  if (calls === 0) return claims;
  const bad = good(({ errors, unanswered }) => errors.repeatable + errors.other + unanswered);
  const badRepeatable = good(({ errors }) => errors.repeatable);
  const slowest = Math.max(...three.map(({ outcome }) => outcome.firstGoodMs ?? Number.POSITIVE_INFINITY));
  claims.push(
    {
      source: DOCUMENT,
      claim: "Availability: 99.9 % or more",
      measured: `${(100 * (1 - bad / calls)).toFixed(2)} % of ${calls} calls while one of three servers was made to fail again and again; ${badRepeatable} of the repeatable ones failed`,
      limit: "a call that may not be repeated is lost with the server that had it",
      met: bad / calls <= 0.001,
    },
    {
      source: DOCUMENT,
      claim: "Failover: less than a second",
      measured: `first good answer ${slowest.toFixed(0)} ms after the fault at the latest, over ${three.length} kinds of fault and server`,
      limit: "the call's own 20 ms",
      met: slowest < 1_000,
    },
  );
  const one = own.filter(({ replicas }) => replicas === 1);
  if (one.length > 0)
    claims.push({
      source: DOCUMENT,
      claim: "Recovery: automatic",
      measured: `with one server only, clients got good answers again after ${one.filter(({ outcome }) => outcome.clientsRecovered).length} of ${one.length} kinds of fault and server`,
      met: one.every(({ outcome }) => outcome.clientsRecovered),
    });
  return claims;
}
