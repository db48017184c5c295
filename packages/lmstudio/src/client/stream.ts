// A call that reports parts, as an async generator. The parts that wait are bounded by the answer's own limit.

import type { Answer, AnswerEvent } from "./generate.ts";
import type { OnPart } from "./parts.ts";

export async function* streamed(
  outer: AbortSignal,
  start: (signal: AbortSignal, push: OnPart) => Promise<Answer>,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const left = new AbortController();
  const waiting: AnswerEvent[] = [];
  let wake: () => void = () => {};
  let ended = false;
  const call = start(AbortSignal.any([outer, left.signal]), (delta) => {
    waiting.push(delta);
    wake();
  });
  const settled = (): void => {
    ended = true;
    wake();
  };
  call.then(settled, settled);
  try {
    for (;;) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      if (ended) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    yield { type: "end", answer: await call };
  } finally {
    left.abort(new Error("The reader has left"));
  }
}
