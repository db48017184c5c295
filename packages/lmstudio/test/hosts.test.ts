// Configuration files of MCP hosts: one entry more, everything else as it was.
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  type HostConfigPlan,
  type HostEntry,
  installLinks,
  type McpHost,
  mcpHosts,
  planHostConfig,
  writeHostConfig,
} from "../src/hosts/index.ts";

const entry: HostEntry = {
  command: "/usr/bin/node",
  args: ["main.js"],
  env: { LMSTUDIO_API_BASE: "http://h:1/v1" },
};
const name = "lmstudio-concurrent";
const reference = (inner: string): string => `"\${${inner}}"`;

async function atHome<T>(action: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), "fairlead-hosts-"));
  try {
    return await action(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

describe("the file", () => {
  it.each<[McpHost, NodeJS.Platform, string]>([
    ["lmstudio", "linux", "/h/.lmstudio/mcp.json"],
    ["claude-code", "linux", "/h/.claude.json"],
    ["claude-desktop", "darwin", "/h/Library/Application Support/Claude/claude_desktop_config.json"],
    ["claude-desktop", "win32", "\\h\\AppData\\Roaming\\Claude\\claude_desktop_config.json"],
    ["cursor", "darwin", "/h/.cursor/mcp.json"],
    ["vscode", "linux", "/h/.config/Code/User/mcp.json"],
    ["vscode", "darwin", "/h/Library/Application Support/Code/User/mcp.json"],
  ])("of %s on %s is %s", async (host, platform, path) => {
    expect(await planHostConfig({ host, name, entry, home: "/h", platform })).toMatchObject({
      path,
      before: "",
    });
  });

  it.each<[McpHost, string]>([
    ["claude-code", "/p/.mcp.json"],
    ["cursor", "/p/.cursor/mcp.json"],
    ["vscode", "/p/.vscode/mcp.json"],
  ])("of a project for %s is %s", async (host, path) => {
    const plan = await planHostConfig({ host, name, entry, home: "/h", platform: "linux", project: "/p" });
    expect(plan.path).toBe(path);
  });
});

describe("an entry", () => {
  it.each<[McpHost, object]>([
    ["lmstudio", { mcpServers: { [name]: entry } }],
    ["claude-code", { mcpServers: { [name]: { type: "stdio", ...entry } } }],
    ["claude-desktop", { mcpServers: { [name]: entry } }],
    ["cursor", { mcpServers: { [name]: entry } }],
    ["vscode", { servers: { [name]: { type: "stdio", ...entry } } }],
  ])("for %s in a new file", async (host, config) => {
    const { after, changed } = await planHostConfig({ host, name, entry, home: "/nowhere" });
    expect([JSON.parse(after), changed]).toEqual([config, true]);
  });

  it("at a URL has a type where entries have one, and cannot be in Claude Desktop's file", async () => {
    const url = { url: "http://127.0.0.1:3005/mcp", headers: { authorization: "Bearer t" } };
    const plan = (host: McpHost): Promise<HostConfigPlan> =>
      planHostConfig({ host, name, entry: url, home: "/nowhere" });
    expect(JSON.parse((await plan("lmstudio")).after)).toEqual({ mcpServers: { [name]: url } });
    expect(JSON.parse((await plan("vscode")).after)).toEqual({
      servers: { [name]: { type: "http", ...url } },
    });
    await expect(plan("claude-desktop")).rejects.toMatchObject({ code: "ENTRY_NOT_SUPPORTED" });
  });

  it.each<[McpHost, object]>([
    ["lmstudio", { unreferenced: ["LMSTUDIO_API_TOKEN"] }],
    [
      "claude-code",
      { unreferenced: [], after: expect.stringContaining(reference("LMSTUDIO_API_TOKEN")) as string },
    ],
    ["claude-desktop", { unreferenced: ["LMSTUDIO_API_TOKEN"] }],
    [
      "cursor",
      { unreferenced: [], after: expect.stringContaining(reference("env:LMSTUDIO_API_TOKEN")) as string },
    ],
    [
      "vscode",
      { unreferenced: [], after: expect.stringContaining(reference("input:lmstudio-api-token")) as string },
    ],
  ])("with a secret refers to it in %s, where that can be done", async (host, expected) => {
    const secret = { ...entry, secrets: ["LMSTUDIO_API_TOKEN"] };
    expect(await planHostConfig({ host, name, entry: secret, home: "/nowhere" })).toMatchObject(expected);
  });

  it("for VS Code asks for a secret once, in a place of its own", async () => {
    await atHome(async (home) => {
      const secret = { ...entry, secrets: ["LMSTUDIO_API_TOKEN"] };
      const request = { host: "vscode", entry: secret, home, platform: "linux" } as const;
      await writeHostConfig(await planHostConfig({ ...request, name: "one" }));
      const { after } = await planHostConfig({ ...request, name: "two" });
      expect(JSON.parse(after)).toMatchObject({
        servers: { one: {}, two: {} },
        inputs: [{ type: "promptString", id: "lmstudio-api-token", password: true }],
      });
      expect((JSON.parse(after) as { inputs: unknown[] }).inputs).toHaveLength(1);
    });
  });

  it("keeps other entries, unknown keys, comments and the layout", async () => {
    await atHome(async (home) => {
      const path = join(home, ".cursor/mcp.json");
      const text = `{\n\t// mine\n\t"mcpServers": {\n\t\t"other": { "command": "x" },\n\t\t"${name}": { "command": "old", "disabled": true }, // soon\n\t},\n\t"theme": "dark"\n}\n`;
      await put(path, text);
      const { after, before } = await planHostConfig({
        host: "cursor",
        name,
        entry,
        home,
        platform: "linux",
      });
      expect(before).toBe(text);
      expect(after).toContain("// mine");
      expect(after).toContain('\t\t"other": { "command": "x" },');
      expect(after).toContain('\t"theme": "dark"\n}\n');
      expect(after).toContain('"disabled": true');
      expect(after).toContain('"command": "/usr/bin/node"');
      expect(after).not.toContain('"old"');
    });
  });

  it("that is there already changes nothing, whatever its layout", async () => {
    await atHome(async (home) => {
      await put(join(home, ".lmstudio/mcp.json"), JSON.stringify({ mcpServers: { [name]: entry } }));
      const plan = await planHostConfig({ host: "lmstudio", name, entry, home, platform: "linux" });
      expect(plan.changed).toBe(false);
      expect(await writeHostConfig(plan)).toEqual({ backupPath: undefined });
      expect(await readdir(join(home, ".lmstudio"))).toEqual(["mcp.json"]);
    });
  });

  it("can be taken out again", async () => {
    await atHome(async (home) => {
      await put(
        join(home, ".lmstudio/mcp.json"),
        JSON.stringify({ mcpServers: { other: {}, [name]: entry } }),
      );
      const plan = await planHostConfig({ host: "lmstudio", name, entry: null, home, platform: "linux" });
      expect(JSON.parse(plan.after)).toEqual({ mcpServers: { other: {} } });
      await writeHostConfig(plan);
      expect(
        (await planHostConfig({ host: "lmstudio", name, entry: null, home, platform: "linux" })).changed,
      ).toBe(false);
    });
  });
});

describe("writing", () => {
  it("leaves a copy of the file, its rights, and nothing else behind", async () => {
    await atHome(async (home) => {
      const path = join(home, ".lmstudio/mcp.json");
      await put(path, '{"mcpServers":{}}');
      await chmod(path, 0o640);
      const plan = await planHostConfig({ host: "lmstudio", name, entry, home, platform: "linux" });
      const { backupPath = "" } = await writeHostConfig(plan);
      expect(await readFile(path, "utf8")).toBe(plan.after);
      expect(await readFile(backupPath, "utf8")).toBe('{"mcpServers":{}}');
      expect((await stat(path)).mode & 0o777).toBe(0o640);
      expect(await readdir(dirname(path))).toHaveLength(2);
    });
  });

  it("makes a new file for its owner alone", async () => {
    await atHome(async (home) => {
      const plan = await planHostConfig({ host: "cursor", name, entry, home, platform: "linux" });
      expect(await writeHostConfig(plan)).toEqual({ backupPath: undefined });
      expect((await stat(plan.path)).mode & 0o777).toBe(0o600);
    });
  });

  it("goes through a link to the file behind it", async () => {
    await atHome(async (home) => {
      await put(join(home, "dotfiles/mcp.json"), "{}");
      await mkdir(join(home, ".cursor"));
      await symlink(join(home, "dotfiles/mcp.json"), join(home, ".cursor/mcp.json"));
      await writeHostConfig(await planHostConfig({ host: "cursor", name, entry, home, platform: "linux" }));
      expect((await lstat(join(home, ".cursor/mcp.json"))).isSymbolicLink()).toBe(true);
      expect(await readFile(join(home, "dotfiles/mcp.json"), "utf8")).toContain(name);
    });
  });

  it("is refused when somebody else has written in between", async () => {
    await atHome(async (home) => {
      const path = join(home, ".lmstudio/mcp.json");
      const plan = await planHostConfig({ host: "lmstudio", name, entry, home, platform: "linux" });
      await put(path, '{"mcpServers":{"theirs":{}}}');
      await expect(writeHostConfig(plan)).rejects.toMatchObject({ code: "CONFIG_CHANGED", path });
      expect(await readFile(path, "utf8")).toBe('{"mcpServers":{"theirs":{}}}');
    });
  });

  it.each(["{ broken", "[]", '{"mcpServers":[]}'])("leaves %s alone", async (text) => {
    await atHome(async (home) => {
      const path = join(home, ".lmstudio/mcp.json");
      await put(path, text);
      const plan = planHostConfig({ host: "lmstudio", name, entry, home, platform: "linux" });
      await expect(plan).rejects.toMatchObject({ code: "CONFIG_UNREADABLE", path });
      expect(await readFile(path, "utf8")).toBe(text);
    });
  });

  it("names a wrong host", async () => {
    const host = "emacs" as McpHost;
    await expect(planHostConfig({ host, name, entry })).rejects.toThrow(
      `one of ${mcpHosts.join(", ")}, got emacs`,
    );
  });
});

it("links hold the entry alone, as base64", () => {
  const links = installLinks("my server", { ...entry, secrets: ["TOKEN"] });
  for (const [link, start] of [
    [links.lmstudio, "lmstudio://add_mcp?"],
    [links.lmstudioWeb, "https://lmstudio.ai/install-mcp?"],
    [links.cursor, "cursor://anysphere.cursor-deeplink/mcp/install?"],
  ] as const) {
    expect(link.startsWith(start)).toBe(true);
    const query = new URLSearchParams(link.slice(start.length));
    expect(query.get("name")).toBe("my server");
    const decoded = JSON.parse(Buffer.from(query.get("config") ?? "", "base64").toString()) as object;
    expect(decoded).toMatchObject({ command: entry.command, args: entry.args });
    expect(decoded).not.toHaveProperty("mcpServers");
  }
});
