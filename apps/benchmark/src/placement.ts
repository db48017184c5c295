// Which processor cores do what: the program under measurement gets half of them for itself, load and servers share the
// rest, so that neither takes the other's time. With `taskset`, where the system has it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export type Role = "server" | "target";

interface Placement {
  readonly target: string;
  /** Load and servers. */
  readonly rest: string;
}

let placement: Placement | undefined;

/** Pins this process, and from now on those that it starts. Returns in words what was done. */
export function pinProcesses(): string {
  const split = splitCores(allowedCores());
  if (split === undefined) return "not pinned: there is one core only";
  try {
    execFileSync("taskset", ["-a", "-c", "-p", split.rest, String(process.pid)], { stdio: "ignore" });
  } catch {
    return "not pinned: there is no taskset";
  }
  placement = split;
  return `target on core ${split.target}, load and servers on core ${split.rest}`;
}

/** A command as it is run on its cores. */
export function placed<T extends { readonly command: string; readonly args: readonly string[] }>(
  role: Role,
  { command, args }: T,
): { readonly command: string; readonly args: readonly string[] } {
  if (placement === undefined) return { command, args };
  const cores = role === "target" ? placement.target : placement.rest;
  return { command: "taskset", args: ["-c", cores, command, ...args] };
}

/** The first half for the target; undefined for a single core. `list` as the kernel prints it, such as "0-3,6". */
export function splitCores(list: string): Placement | undefined {
  const cores = list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  if (cores.length < 2) return undefined;
  const half = Math.floor(cores.length / 2);
  return { target: cores.slice(0, half).join(","), rest: cores.slice(half).join(",") };
}

function allowedCores(): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
}
