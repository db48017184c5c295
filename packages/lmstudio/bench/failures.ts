// The same requests, with the same faults by the same seed, through plain fetch and through the client: what goes wrong
// for the caller, and what it costs when nothing does. `pnpm run bench` prints the tables of the README.
import { cpus } from "node:os";
import { createLmStudioClient, LmStudioError } from "../src/index.ts";
import { createLmStudioSimulator, type Fault, type FaultKind } from "../src/simulator/index.ts";

const requests = 2_000;
const seed = 2_026;
const quick = { loadMs: 0, tokensPerSecond: 1e9, prefillTokensPerSecond: 1e9 };
const models = [
  { key: "a/one", answer: "Two and two is four.", loaded: true, ...quick },
  { key: "b/two", ...quick },
];
// One request in five meets one of these.
const kinds: readonly FaultKind[] = [
  "empty",
  "no-chunks",
  "reasoning-only",
  "swap-html-500",
  "load-aborted",
  "engine-error-500",
  "model-unloaded",
  "crash",
  "reset",
  "substitute",
];
const faults: readonly Fault[] = kinds.map((kind) => ({ kind, rate: 0.022 }));
const ask = { model: "a/one", messages: [{ role: "user" as const, content: "What is two and two?" }] };

type Ask = (url: string) => Promise<string>;
type Tally = Map<string, number>;

async function run(
  asked: (url: string) => { ask: () => Promise<string>; close: () => Promise<void> },
): Promise<Tally> {
  const simulator = createLmStudioSimulator({ models, seed, faults });
  const { ask: once, close } = asked(await simulator.listen());
  const tally: Tally = new Map();
  for (let request = 0; request < requests; request += 1) {
    const result = await once();
    tally.set(result, (tally.get(result) ?? 0) + 1);
  }
  await close();
  await simulator.close();
  return tally;
}

const plainFetch: Ask = async (url) => {
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(ask),
    });
    if (!response.ok) return "error";
    const body = (await response.json()) as { model: string; choices: { message: { content: string } }[] };
    if (body.model !== ask.model) return "another model's answer";
    return body.choices[0]?.message.content === "" ? "empty answer" : "answer";
  } catch {
    return "error";
  }
};

const codes: Tally = new Map();
const before = await run((url) => ({ ask: () => plainFetch(url), close: async () => {} }));
const after = await run((url) => {
  const client = createLmStudioClient({ hosts: [url], ratePerSecond: 1e6, backoffBaseMs: 1 });
  return {
    close: client.close,
    ask: async () => {
      try {
        const { text, model } = await client.chat(ask);
        if (model !== ask.model) return "another model's answer";
        return text === "" ? "empty answer" : "answer";
      } catch (error) {
        if (!(error instanceof LmStudioError)) return "error without a code";
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
        return "error";
      }
    },
  };
});

console.log(
  `${requests} requests one after the other, seed ${seed}; ${cpus()[0]?.model}, Node ${process.version}`,
);
for (const outcome of ["answer", "error", "empty answer", "another model's answer", "error without a code"])
  console.log(`| ${outcome} | ${before.get(outcome) ?? 0} | ${after.get(outcome) ?? 0} |`);
console.log(`the client's errors: ${[...codes].map(([code, count]) => `${code} ${count}`).join(", ")}`);

const simulator = createLmStudioSimulator({ models });
const url = await simulator.listen();
const client = createLmStudioClient({ hosts: [url], ratePerSecond: 1e6 });
const best = { fetch: Infinity, client: Infinity };
for (let batch = 0; batch < 20; batch += 1) {
  best.fetch = Math.min(best.fetch, await perCall(() => plainFetch(url)));
  best.client = Math.min(best.client, await perCall(() => client.chat(ask)));
}
console.log(
  `ms per call, best of 20 batches: fetch ${best.fetch.toFixed(2)}, client ${best.client.toFixed(2)}`,
);
await client.close();
await simulator.close();

async function perCall(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (let count = 0; count < 50; count += 1) await call();
  return (performance.now() - startedAt) / 50;
}
