// A process that ingests into a file and acknowledges what is committed: `writer.ts <file> <name> <seconds, 0: for ever>`.
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { documentOf, vectorOf } from "./store-documents.ts";

const [path = "", name = "", seconds = "0"] = process.argv.slice(2);
const space = { model: "test", dimension: 32, documentPrefix: "", queryPrefix: "" };
const until = Number(seconds) === 0 ? Number.POSITIVE_INFINITY : performance.now() + 1_000 * Number(seconds);

const document = (uri: string) => {
  const texts = [0, 1, 2].map(
    (part) => `marker ${uri.replace(":", "x")} part ${part} with some more words in it`,
  );
  return documentOf(uri, texts, { vectors: texts.map((_, axis) => vectorOf(32, axis)) });
};

try {
  const store = await openSqliteStore({ path, readers: 1 });
  let searches = 0;
  for (let at = 0; performance.now() < until; at++) {
    const batch = [`${name}:${at}`, `${name}b:${at}`, ...(Number(seconds) > 0 ? [`shared:${at % 10}`] : [])];
    await store.put(batch.map(document), space);
    for (const uri of batch) process.stdout.write(`ack ${uri}\n`);
    const [words, near] = await Promise.all([
      store.lexical({ text: `marker ${name}x${at}`, limit: 5 }),
      store.nearest({ vector: vectorOf(32, 1), limit: 5 }),
    ]);
    if (words.length === 0 || near.length === 0) throw new Error("what was just written is not found");
    searches += 2;
  }
  console.log(`searches ${searches}`);
  await store.close();
} catch (error) {
  process.stderr.write(`${String((error as { code?: unknown }).code)} ${String(error)}\n`);
  process.exitCode = 1;
}
