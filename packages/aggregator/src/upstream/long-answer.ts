// An answer that is passed on while it arrives, so that a long one costs no more memory than a short one: its parts go to
// the client as fast as the client reads, and only its id is changed.
import { AnswerScanner } from "../wire/answer-scanner.ts";
import { JsonScanError } from "../wire/json-scan.ts";
import type { LinePartSink } from "../wire/lines.ts";
import type { UpstreamExchange } from "./connection.ts";

export type LongAnswer = LinePartSink;

/** The response that the answer comes in. */
export interface LongAnswerSource {
  /** Longest answer, in bytes. */
  readonly maxBytes: number;
  readonly maxDepth: number;
  pause(): void;
  resume(): void;
  /** False once the exchange has ended in another way; what still comes is dropped. */
  takesParts(): boolean;
  /** The answer is whole. @returns whether somebody still waits for it */
  onEnd(): boolean;
  onBroken(why: string): void;
}

/** @returns undefined when `head` is not the beginning of a result, or when its client has to have it whole */
export function beginLongAnswer(
  head: Buffer,
  id: number,
  exchange: UpstreamExchange,
  source: LongAnswerSource,
): LongAnswer | undefined {
  const sink = exchange.onLongAnswer?.(source.resume);
  if (sink === undefined) return undefined;
  const scanner = new AnswerScanner(id, sink.id, source.maxDepth);
  const first = scan(head);
  // Whatever it is instead, it is judged when it is whole.
  if (typeof first === "string" || !scanner.isInResult) return undefined;
  let bytes = head.length;
  sink.begin();
  pass(first);
  return {
    part(part) {
      if (!source.takesParts()) return;
      bytes += part.length;
      const out = bytes > source.maxBytes ? tooLong() : scan(part);
      if (typeof out === "string") source.onBroken(out);
      else pass(out);
    },
    end() {
      if (!source.takesParts()) return;
      if (!scanner.isComplete) source.onBroken("the answer ended in the middle");
      else if (source.onEnd()) sink.end();
    },
  };

  function scan(part: Buffer): Buffer[] | string {
    try {
      return scanner.push(part);
    } catch (error) {
      if (error instanceof JsonScanError) return error.message;
      throw error;
    }
  }

  function pass(parts: readonly Buffer[]): void {
    let keepsUp = true;
    for (const part of parts) keepsUp = sink?.write(part) ?? true;
    if (!keepsUp) source.pause();
  }

  function tooLong(): string {
    return `the answer is longer than the ${source.maxBytes} bytes allowed`;
  }
}
