// Colours where somebody can see them: on a terminal, unless NO_COLOR says otherwise (https://no-color.org).
import { stripVTControlCharacters, styleText } from "node:util";
import type { CliIo, CliOutput } from "../io.ts";

type Format = Parameters<typeof styleText>[0];

export type Style = (format: Format, text: string) => string;

export function styleFor(output: CliOutput, env: CliIo["env"]): Style {
  const colours = output.isTTY && (env["NO_COLOR"] ?? "") === "";
  return (format, text) => (colours ? styleText(format, text, { validateStream: false }) : text);
}

/** Takes out what could move the cursor or rewrite the screen: text of a tool is not to be trusted with a terminal. */
export function printable(text: string): string {
  // Every control character (Unicode category Cc) but tab and line feed.
  return stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\t\n]/gu, "");
}

/** Width in characters, without escape sequences. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
