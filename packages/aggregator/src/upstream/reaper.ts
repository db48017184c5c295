// Ends the children's process groups when the gateway itself is killed without a chance to (SIGKILL, a crash).
// Some servers ignore the end of their stdin, and would live on as orphans. One tiny shell process per gateway holds
// the list; the kernel closes its stdin when the gateway dies, however that happens.
import { type ChildProcess, spawn } from "node:child_process";

const SCRIPT = `
groups=""
while read -r action group; do
  if [ "$action" = add ]; then groups="$groups $group"; else
    rest=""; for known in $groups; do [ "$known" = "$group" ] || rest="$rest $known"; done; groups="$rest"
  fi
done
for group in $groups; do kill -KILL -"$group" 2>/dev/null; done
`;

let shell: ChildProcess | undefined;
const watched = new Set<number>();

/** Has the process group `group` killed if this process ends without releasing it. */
export function watchGroup(group: number): void {
  watched.add(group);
  if (process.platform === "win32") return;
  shell ??= startShell();
  shell.stdin?.write(`add ${group}\n`);
}

/** The group is gone; the shell ends with the last one. */
export function releaseGroup(group: number): void {
  if (!watched.delete(group) || shell === undefined) return;
  shell.stdin?.write(`remove ${group}\n`);
  if (watched.size > 0) return;
  shell.stdin?.end();
  shell = undefined;
}

function startShell(): ChildProcess {
  const child = spawn("/bin/sh", ["-c", SCRIPT], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
    env: {},
  });
  // Without a shell there is no net below the gateway's own clean-up; that is no reason to fail a server's start.
  child.on("error", () => {});
  child.stdin?.on("error", () => {});
  child.unref();
  return child;
}
