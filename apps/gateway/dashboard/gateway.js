// Talks to the gateway: the token is sent with each request and kept for this tab only.

const KEY = "fairlead-operators-token";

/** The gateway does not let this token in. */
export class Refused extends Error {}

/** From the link that `fairlead dashboard` prints, or from before; the link's part is taken out of the address at once. */
export function knownToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (found !== null) {
    sessionStorage.setItem(KEY, decodeURIComponent(found[1]));
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

export function keepToken(token) {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
}

export async function ask(path, token, signal) {
  const response = await fetch(path, {
    headers: { authorization: `Bearer ${token}` },
    cache: "no-store",
    signal,
  });
  if (response.status === 401 || response.status === 403) throw new Refused();
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

/** Calls `onEvent` for each event from `after` on, until the stream ends. EventSource could not send the token. */
export async function listen(token, after, onEvent, signal) {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(after === 0 ? {} : { "last-event-id": String(after) }),
  };
  const response = await fetch("/api/events", { headers, cache: "no-store", signal });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) onEvent(JSON.parse(data));
    }
  }
}
