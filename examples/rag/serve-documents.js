// A RAG server as a plugin: the reference server over three documents, on the host and port that the provider names.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLibrary, openStore, serveHttp } from "@fairlead/rag";

const documents = [
  "# Quantum computing\n\nA quantum computer works with qubits. See [Qubits](qubits.md) and [Algorithms](algorithms.md).",
  "# Qubits\n\nA qubit is in a superposition of two states until it is measured, which quantum computing makes use of.",
  "# Algorithms\n\nShor's algorithm factors integers; Grover's searches without an index.",
];

export async function serveDocuments() {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-example-"));
  const library = createLibrary({ store: await openStore(join(folder, "rag.sqlite")) });
  const names = ["quantum-computing.md", "qubits.md", "algorithms.md"];
  await library.ingest(documents.map((text, at) => ({ text, uri: `https://example.com/${names[at]}` })));
  const front = await serveHttp(
    { library, roots: [], folders: () => [] },
    { listen: { host: process.env.HOST ?? "localhost", port: Number(process.env.PORT) } },
  );
  console.error(`listening on ${front.address}`);
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, async () => {
      await front.close();
      await library.close();
      await rm(folder, { recursive: true, force: true });
      process.exit(0);
    });
}
