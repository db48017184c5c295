// What changes in a text, line by line with a little of what is around: for files that are edited in one place.
import type { Style } from "./style.ts";

const AROUND = 2;

/** Lines that go with `-`, those that come with `+`. */
export function describeDifference(before: string, after: string, style: Style): string {
  const old = before === "" ? [] : before.replace(/\n$/, "").split("\n");
  const now = after.replace(/\n$/, "").split("\n");
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  )
    end++;
  const from = Math.max(0, start - AROUND);
  return [
    ...old.slice(from, start).map((line) => `  ${line}`),
    ...old.slice(start, old.length - end).map((line) => style("red", `- ${line}`)),
    ...now.slice(start, now.length - end).map((line) => style("green", `+ ${line}`)),
    ...now.slice(now.length - end, now.length - end + AROUND).map((line) => `  ${line}`),
  ].join("\n");
}
