// Log lines on stderr: JSON for machines, short lines for a person at a terminal.
import { Writable } from "node:stream";
import { styleText } from "node:util";
import { type Logger, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Creates the logger. `pretty` is for terminals. */
export function createLogger(
  level: LogLevel,
  stream: NodeJS.WriteStream = process.stderr,
  pretty: boolean = stream.isTTY,
): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pretty ? prettyStream(stream) : stream,
  );
}

const COLOURS = { 20: "gray", 30: "cyan", 40: "yellow", 50: "red" } as const;
const NAMES: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error" };

function prettyStream(stream: NodeJS.WriteStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, time, msg, err } = JSON.parse(chunk.toString("utf8")) as {
        level: number;
        time: string;
        msg?: string;
        err?: { stack?: string };
      };
      const colour = COLOURS[level as keyof typeof COLOURS] ?? "white";
      const name = styleText(colour, (NAMES[level] ?? String(level)).padEnd(5), { stream });
      const rest = err?.stack === undefined ? "" : `\n${err.stack}`;
      stream.write(
        `${styleText("dim", time.slice(11, 19), { stream })} ${name} ${printable(msg ?? "")}${rest}\n`,
      );
      done();
    },
  });
}

/** What servers write must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) =>
    character === "\n" || character === "\t" ? character : "\uFFFD",
  );
}
