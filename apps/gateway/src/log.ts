// Log lines on stderr: JSON for machines, short lines for a person at a terminal. Secrets are taken out of either.
import { Writable } from "node:stream";
import { styleText } from "node:util";
import { type Logger, pino } from "pino";

export type GatewayLogger = Logger;

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Creates the logger. `pretty` is for terminals. */
export function createLogger(
  level: LogLevel,
  stream: NodeJS.WriteStream = process.stderr,
  pretty: boolean = stream.isTTY,
  scrub: (text: string) => string = (text) => text,
): Logger {
  const write = pretty ? prettyWriter(stream) : (line: string) => void stream.write(line);
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    new Writable({
      decodeStrings: false,
      write(line: string, _encoding, done) {
        write(scrub(line));
        done();
      },
    }),
  );
}

const COLOURS = { 20: "gray", 30: "cyan", 40: "yellow", 50: "red" } as const;
const NAMES: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error" };

function prettyWriter(stream: NodeJS.WriteStream): (line: string) => void {
  return (line) => {
    const { level, time, msg, err } = JSON.parse(line) as {
      level: number;
      time: string;
      msg?: string;
      err?: { stack?: string };
    };
    const colour = COLOURS[level as keyof typeof COLOURS] ?? "white";
    const name = styleText(colour, (NAMES[level] ?? String(level)).padEnd(5), { stream });
    const rest = err?.stack === undefined ? "" : `\n${printable(err.stack)}`;
    stream.write(
      `${styleText("dim", time.slice(11, 19), { stream })} ${name} ${printable(msg ?? "")}${rest}\n`,
    );
  };
}

/** What servers write must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) =>
    character === "\n" || character === "\t" ? character : "\uFFFD",
  );
}
