// Says that something is going on once it takes longer than a second, and leaves nothing behind.
import type { CliIo } from "./io.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const DELAY_MS = 1_000;
const FRAME_MS = 100;

/** Runs `work`; on a terminal a spinner with the elapsed seconds shows after a second. */
export async function withSpinner<T>(io: CliIo, text: string, work: () => Promise<T>): Promise<T> {
  if (!io.stderr.isTTY) return work();
  const startedAt = performance.now();
  let frame = 0;
  let shown = false;
  const timer = setInterval(() => {
    const elapsed = performance.now() - startedAt;
    if (elapsed < DELAY_MS) return;
    shown = true;
    const line = `${FRAMES[frame++ % FRAMES.length]} ${text} (${Math.floor(elapsed / 1_000)} s)`;
    io.stderr.write(`\r\u001b[K${line.slice(0, io.stderr.columns - 1)}`);
  }, FRAME_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (shown) io.stderr.write("\r\u001b[K");
  }
}
