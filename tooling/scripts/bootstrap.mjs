// Set-up for `npm start` and `npm test` on a machine that has only Node >= 20 and npm: fetches the pinned pnpm,
// installs the locked dependencies (the toolchain's own Node among them), then hands over to that Node.
// Plain JavaScript on purpose: it runs before anything is installed.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const [task, ...rest] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const pnpm = manifest.packageManager;
const script = manifest.scripts[task];
if (script === undefined)
  fail(`unknown task "${task}"; expected one of ${Object.keys(manifest.scripts).join(", ")}`);

const major = Number(process.versions.node.split(".")[0]);
if (major < 20) fail(`Node ${process.versions.node} is too old to bootstrap; install Node 20 or newer`);

const fresh = !existsSync(join(root, "node_modules", ".modules.yaml"));
const install = ["install", "--frozen-lockfile"];
if (fresh) {
  say(`first run: installing the locked dependencies with ${pnpm} (about 500 MB, half a minute or so)`);
  install.push("--reporter=append-only");
} else {
  install.push("--reporter=silent");
}
const windows = process.platform === "win32";
// A killed npm ends without a word to its children; what it started would go on unseen and keep its port.
const startedByNpm = process.env.npm_lifecycle_event !== undefined;
const bin = join(root, "node_modules", ".bin");
const pnpmBin = await fetchPnpm();
const path = [bin, pnpmBin, process.env.PATH].join(delimiter);
// Neither stdin nor stdout: a client that starts `fairlead serve --stdio` speaks MCP there.
const quiet = { shell: windows, stdio: ["ignore", process.stderr, "inherit"] };
await run(join(pnpmBin, windows ? "pnpm.cmd" : "pnpm"), install, quiet).catch((error) =>
  fail(`could not install the dependencies (${error.message}); look at the lines above, then run this again`),
);
if (fresh) say(`installed; running on Node ${manifest.devDependencies.node} from the lockfile`);

const [command, ...args] = script.split(" ");
// turbo and the packages' scripts call pnpm themselves, so it has to be on the PATH, and in the pinned version.
const child = run(command, [...args, ...rest], { env: { ...process.env, PATH: path } });
await child.catch((error) => {
  if (error.exitCode === undefined) say(error.message);
  process.exitCode = error.exitCode ?? 1;
});

/** Has npx fetch the pinned pnpm, and returns the folder of its executable. */
async function fetchPnpm() {
  const lines = ["-y", "-p", pnpm, "node", "-p", "process.env.PATH"];
  const output = await capture(windows ? "npx.cmd" : "npx", lines).catch((error) =>
    fail(`could not fetch ${pnpm} (${error.message}); is the npm registry reachable?`),
  );
  const folder = output
    .trim()
    .split(delimiter)
    .find((entry) => existsSync(join(entry, windows ? "pnpm.cmd" : "pnpm")));
  if (folder === undefined) fail(`npx did not put ${pnpm} on the PATH; try "npx -y ${pnpm} --version"`);
  return folder;
}

function capture(file, argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, { cwd: root, stdio: ["ignore", "pipe", "inherit"], shell: windows });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${file} ended with exit code ${code}`)),
    );
  });
}

function say(text) {
  process.stderr.write(`fairlead: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

/** Runs a command in the foreground; a signal that ends this process ends the command first. */
function run(file, argv, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, { cwd: root, stdio: "inherit", ...options });
    const forward = (signal) => {
      // At Ctrl-C the terminal has told the child already, and a second signal means "at once" to the gateway.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, forward);
    const parent = process.ppid;
    const orphaned = setInterval(() => {
      if (!startedByNpm || process.ppid === parent) return;
      clearInterval(orphaned);
      forward("SIGTERM");
    }, 500);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearInterval(orphaned);
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeListener(name, forward);
      if (code === 0) resolve();
      else
        reject(
          Object.assign(new Error(`${file} ended with ${signal ?? `exit code ${code}`}`), {
            exitCode: code ?? 1,
          }),
        );
    });
  });
}
