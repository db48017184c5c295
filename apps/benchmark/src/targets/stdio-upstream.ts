// The same as upstream.ts, on stdin and stdout.
import { createInterface } from "node:readline";
import { answerTo, type Message } from "./echo.ts";

createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line) as Message;
  if (message.id !== undefined) process.stdout.write(`${answerTo(message)}\n`);
});
process.stdin.on("end", () => process.exit(0));
