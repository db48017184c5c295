// The load of a child process on this machine, from /proc: for servers that report nothing themselves. Linux only;
// elsewhere there is nothing to read, and the strategy does without.
import { readFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { type Clock, systemClock } from "@fairlead/core";
import type { LoadReport } from "../contract.ts";

/** Options of {@link createProcessLoadReader}. */
export interface ProcessLoadReaderOptions {
  /** Memory that counts as full, in bytes. @defaultValue the machine's memory */
  readonly memoryLimitBytes?: number;
  /** Processors that count as full. @defaultValue those available to this process */
  readonly processors?: number;
  /** @defaultValue the system's monotonic clock */
  readonly clock?: Clock;
  /** Reads a file of /proc. @defaultValue `node:fs` */
  readonly read?: (path: string) => Promise<string>;
}

/** Reads the load of one process. */
export interface ProcessLoadReader {
  /**
   * The load since the last call; the first call has no CPU share yet.
   *
   * @returns `undefined` when the process is gone or the system has no /proc
   */
  read(): Promise<LoadReport | undefined>;
}

/** Ticks per second of the times in /proc/<pid>/stat: USER_HZ, which is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Creates a reader for process `pid`. @throws RangeError naming the option and its value */
export function createProcessLoadReader(
  pid: number,
  options: ProcessLoadReaderOptions = {},
): ProcessLoadReader {
  const { memoryLimitBytes = totalmem(), processors = availableParallelism(), clock = systemClock } = options;
  const { read = (path: string): Promise<string> => readFile(path, "utf8") } = options;
  if (!(Number.isInteger(pid) && pid > 0)) throw new RangeError(`pid must be a positive integer, got ${pid}`);
  if (!(memoryLimitBytes > 0)) throw new RangeError(`memoryLimitBytes must be > 0, got ${memoryLimitBytes}`);
  if (!(processors > 0)) throw new RangeError(`processors must be > 0, got ${processors}`);
  let last: { readonly atMs: number; readonly ticks: number } | undefined;

  return {
    async read() {
      let stat: string;
      let status: string;
      try {
        [stat, status] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/status`)]);
      } catch {
        // The process ended, or there is no /proc: either way there is nothing to report.
        last = undefined;
        return undefined;
      }
      const now = { atMs: clock.now(), ticks: cpuTicks(stat) };
      const elapsedMs = last === undefined ? 0 : now.atMs - last.atMs;
      const busyMs = last === undefined ? 0 : ((now.ticks - last.ticks) * 1_000) / TICKS_PER_SECOND;
      last = now;
      const memoryUtilization = residentBytes(status) / memoryLimitBytes;
      return {
        ...(elapsedMs > 0 && { cpuUtilization: Math.min(1, Math.max(0, busyMs / elapsedMs / processors)) }),
        ...(Number.isFinite(memoryUtilization) && { memoryUtilization: Math.min(1, memoryUtilization) }),
      };
    },
  };
}

/** User and system time. The name in parentheses may itself contain spaces and parentheses, so that counting starts after it. */
function cpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentBytes(status: string): number {
  const [, kilobytes = Number.NaN] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  return Number(kilobytes) * 1_024;
}
