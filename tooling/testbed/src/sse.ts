// Server-sent events as the HTML standard defines their parsing:
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

export interface SseEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** Yields one event per blank line; comments and `retry` fields are skipped. */
export async function* readSse(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<SseEvent> {
  let rest = "";
  let fields = new Map<string, string>();
  for await (const chunk of chunks) {
    rest += chunk;
    // A CR at the very end may be the first half of a CRLF.
    const complete = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
    const lines = complete.split(/\r\n|\r|\n/);
    rest = `${lines.pop() ?? ""}${rest.slice(complete.length)}`;
    for (const line of lines) {
      if (line !== "") {
        addField(fields, line);
        continue;
      }
      if (fields.has("data"))
        yield {
          event: fields.get("event") ?? "message",
          data: fields.get("data") ?? "",
          id: fields.get("id"),
        };
      fields = new Map();
    }
  }
}

function addField(fields: Map<string, string>, line: string): void {
  if (line.startsWith(":")) return;
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  const before = name === "data" ? fields.get("data") : undefined;
  fields.set(name, before === undefined ? value : `${before}\n${value}`);
}
