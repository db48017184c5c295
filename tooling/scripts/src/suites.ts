// The suites that `.ci/run` adds to `npm test`: the packages as users get them, on the Node versions that are promised.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir } from "@fairlead/testbed";
import { installNode, oldestOf } from "./suites/node-versions.ts";
import { installProject } from "./suites/npm-project.ts";
import { checkPacked, type NodeVersion } from "./suites/packed.ts";
import { createSuiteReport } from "./suites/report.ts";
import { runCommand } from "./suites/run-command.ts";
import { npmStartTest, smokeTest } from "./suites/smoke.ts";
import { packPackages, type Tarball } from "./suites/tarballs.ts";
import { summaryLine } from "./verify/count-tests.ts";

const newestNode = "26";
const root = fileURLToPath(new URL("../../..", import.meta.url));
const report = createSuiteReport();
await using work = await tempDir();

let tarballs: readonly Tarball[] = [];
let oldest: NodeVersion | undefined;
let newest: NodeVersion | undefined;

console.log(`extra suites, in ${work.path}`);
await report.check("every package builds and packs", async () => {
  await runCommand("turbo", ["run", "build"], { cwd: root });
  mkdirSync(work.file("tarballs"));
  tarballs = await packPackages(root, work.file("tarballs"));
  console.log(`        ${tarballs.map(({ name, version }) => `${name}@${version}`).join(", ")}`);
});
await Promise.all([
  report.check("the oldest Node that engines promises installs", async () => {
    oldest = await installNode(oldestOf(enginesOf("apps/gateway")), work.file("node-oldest"));
    console.log(`        Node ${oldest.version}`);
  }),
  report.check(`the newest Node (${newestNode}) installs`, async () => {
    newest = await installNode(newestNode, work.file("node-newest"));
    console.log(`        Node ${newest.version}`);
  }),
]);

const nodes = [oldest, newest].filter((node) => node !== undefined);
const own: NodeVersion = { version: process.versions.node, path: process.execPath };
const queue = [...tarballs];
// Two at a time: the installs wait for the network and the disk, not for each other.
await Promise.all(
  [0, 1].map(async () => {
    for (let tarball = queue.shift(); tarball !== undefined; tarball = queue.shift())
      await checkPacked(tarball, tarballs, work.path, [...nodes, own], report);
  }),
);

const smokeProject = work.file("smoke");
if (process.platform === "linux") {
  await npmStartTest(root, work.path, report);
  const packages = ["fairlead", "@fairlead/gateway"];
  const packed = packages.every((name) => tarballs.some((tarball) => tarball.name === name));
  const installed =
    packed &&
    (await report.check("fairlead and @fairlead/gateway install together", async () => {
      await installProject({ folder: smokeProject, packages, tarballs });
    }));
  if (installed) for (const node of nodes) await smokeTest(smokeProject, node, report);
  else report.skip("smoke run of the packed gateway", packed ? "it is not installed" : "it is not packed");
} else
  report.skip("smoke run of the packed gateway", "looking for processes left behind needs Linux's /proc");

const counts = report.counts();
console.log(`\n${summaryLine(counts)}`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function enginesOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    readonly engines: { readonly node: string };
  };
  return manifest.engines.node;
}
