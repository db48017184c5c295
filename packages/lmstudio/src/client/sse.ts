// Server-sent events (WHATWG HTML) out of text pieces. A frame that cannot be read is left out and counted: two frames on
// one line have been captured from a real host.
import { parsed } from "./classify.ts";

export interface SseEvent {
  readonly event: string;
  readonly data: string;
}

export async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<SseEvent> {
  let rest = "";
  let event = "";
  let data: string[] = [];
  for await (const piece of pieces) {
    const lines = (rest + piece).split(/\r\n|\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n") };
        event = "";
        data = [];
      } else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line.startsWith("event:")) event = line.slice(6).trim();
    }
  }
  // Nothing more comes: what stands there is whole unless the connection broke, and that throws.
  if (rest.startsWith("data:")) data.push(rest.slice(5).trim());
  if (data.length > 0) yield { event, data: data.join("\n") };
}

/** The frame's value and whether part of it was lost. */
export function parseFrame(data: string): { readonly value: unknown; readonly damaged: boolean } {
  const value = parsed(data);
  if (value !== undefined) return { value, damaged: false };
  const second = data.lastIndexOf("data: {");
  return { value: second > 0 ? parsed(data.slice(second + 6)) : undefined, damaged: true };
}
