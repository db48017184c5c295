// The packages as users get them, on the Node versions that are promised.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { installNode, oldestOf } from "./node-versions.ts";
import { installProject } from "./npm-project.ts";
import { checkPacked, type NodeVersion } from "./packed.ts";
import type { SuiteReport } from "./report.ts";
import { runCommand } from "./run-command.ts";
import { checkBills } from "./sbom.ts";
import { npmStartTest, smokeTest } from "./smoke.ts";
import { packPackages, type Tarball } from "./tarballs.ts";

const NEWEST_NODE = "26";

export async function packedSuite(root: string, work: string, report: SuiteReport): Promise<void> {
  let tarballs: readonly Tarball[] = [];
  let oldest: NodeVersion | undefined;
  let newest: NodeVersion | undefined;

  await report.check("every package builds and packs", async () => {
    await runCommand("turbo", ["run", "build"], { cwd: root });
    mkdirSync(join(work, "tarballs"));
    tarballs = await packPackages(root, join(work, "tarballs"));
    console.log(`        ${tarballs.map(({ name, version }) => `${name}@${version}`).join(", ")}`);
  });
  await report.check("every package has a bill of materials, and is published with provenance", () =>
    checkBills(root, join(work, "bills"), tarballs),
  );
  await Promise.all([
    report.check("the oldest Node that engines promises installs", async () => {
      oldest = await installNode(oldestOf(enginesOf(root, "apps/gateway")), join(work, "node-oldest"));
      console.log(`        Node ${oldest.version}`);
    }),
    report.check(`the newest Node (${NEWEST_NODE}) installs`, async () => {
      newest = await installNode(NEWEST_NODE, join(work, "node-newest"));
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
        await checkPacked(tarball, tarballs, work, [...nodes, own], report);
    }),
  );

  const smokeProject = join(work, "smoke");
  if (process.platform === "linux") {
    await npmStartTest(root, work, report);
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
}

function enginesOf(root: string, folder: string): string {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    readonly engines: { readonly node: string };
  };
  return manifest.engines.node;
}
