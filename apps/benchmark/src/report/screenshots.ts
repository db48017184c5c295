// The report as a browser shows it, light and dark, for the documentation.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/** As Blink counts them. */
const SCHEMES = { dark: 0, light: 1 } as const;
/** Where on the page a picture begins, by its name. */
const PICTURES: Readonly<Record<string, { readonly from: string; readonly height: number }>> = {
  benchmark: { from: "h1", height: 2_000 },
  "benchmark-overhead": { from: "#overhead", height: 1_400 },
  "benchmark-failover": { from: "#failover", height: 1_400 },
};
const WIDTH = 1_120;
const TIMEOUT_MS = 60_000;

/** Returns the files that were written. @throws Error when there is no Chromium, or it fails */
export async function takeScreenshots(page: string, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const browser = BROWSERS.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (browser === undefined) throw new Error(`there is no ${BROWSERS.join(", nor ")} on the path`);
  const profile = mkdtempSync(join(tmpdir(), "fairlead-browser-"));
  const files: string[] = [];
  const html = await readFile(page, "utf8");
  try {
    for (const [name, { from, height }] of Object.entries(PICTURES)) {
      // It does not scroll for a picture: what comes before is left out.
      const cut = join(profile, "page.html");
      const style = `<style>body > :not(${from}):not(${from} ~ *) { display: none }</style></head>`;
      await writeFile(cut, html.replace("</head>", style));
      for (const [scheme, value] of Object.entries(SCHEMES)) {
        const file = join(folder, `${name}-${scheme}.png`);
        const { status, stderr } = spawnSync(
          browser,
          [
            ...[
              "--headless",
              "--no-sandbox",
              "--disable-gpu",
              "--hide-scrollbars",
              `--user-data-dir=${profile}`,
            ],
            ...[`--blink-settings=preferredColorScheme=${value}`, `--window-size=${WIDTH},${height}`],
            ...[`--screenshot=${file}`, String(pathToFileURL(cut))],
          ],
          { encoding: "utf8", timeout: TIMEOUT_MS },
        );
        if (status !== 0) throw new Error(`${browser} ended with ${status}: ${stderr.slice(-1_000)}`);
        files.push(file);
      }
    }
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
  return files;
}
