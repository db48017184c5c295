// The dashboard: what its files give away, what its words say, and (in the extra suites, where there is a Chromium) what a
// browser makes of it. FAIRLEAD_SUITE_BROWSER is the browser's path, FAIRLEAD_SUITE_PICTURES a folder for pictures of it.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRawClient, fixtureServerPath, memoryServer } from "@fairlead/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDashboard } from "../src/dashboard.ts";
import { openPage, type Page } from "./browser.ts";
import { startGateway, type TestGateway } from "./gateway.ts";

const CANARY = "canary-admin-token-0123456789";
const chromium = process.env["FAIRLEAD_SUITE_BROWSER"];
const pictures = process.env["FAIRLEAD_SUITE_PICTURES"];

let gateway: TestGateway;
beforeAll(async () => {
  const weather = { command: process.execPath, args: [fixtureServerPath, "--stdio"] };
  gateway = await startGateway(
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the syntax of references
      admin: { token: "${ADMIN_TOKEN}" },
      clients: {},
      pools: {
        weather: {
          upstreams: [
            { ...weather, id: "weather-1" },
            { ...weather, id: "weather-2" },
          ],
        },
        files: { upstreams: [{ command: process.execPath, args: [memoryServer] }] },
        search: { upstreams: [{ id: "search-1", url: "http://127.0.0.1:9/mcp" }] },
      },
    },
    ["--port", "0"],
    { ADMIN_TOKEN: CANARY },
  );
  await gateway.untilReady(["weather-1", "weather-2", "files-1"]);
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe("the dashboard's files", () => {
  it("are the same for everybody, and hold no data", async () => {
    const { paths } = createDashboard();
    expect(paths[0]).toBe("/admin/");
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths) {
      const get = (headers: Record<string, string>): Promise<Response> =>
        fetch(`${gateway.url}${path}`, { headers });
      const [without, wrong, right] = await Promise.all([
        get({}),
        get({ authorization: "Bearer wrong" }),
        get({ authorization: `Bearer ${CANARY}` }),
      ]);
      expect([without.status, wrong.status, right.status], path).toEqual([200, 200, 200]);
      const text = await without.text();
      expect(await wrong.text()).toBe(text);
      expect(await right.text()).toBe(text);
      expect(without.headers.get("x-content-type-options")).toBe("nosniff");
      for (const fact of [CANARY, "weather", "files-1", gateway.url])
        expect(text.includes(fact), fact).toBe(false);
      // Nothing that a policy without inline code would have to allow, and nothing from elsewhere.
      expect(text).not.toMatch(/innerHTML|\son\w+="|<script>|<style|https?:\/\//);
    }
  });

  it("may run own code only, and are kept by browsers under names that change with them", async () => {
    const page = await fetch(`${gateway.url}/admin/`);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'");
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("cache-control")).toBe("no-store");
    const html = await page.text();
    const [, script = ""] = /src="([^"]+)"/.exec(html) ?? [];
    expect(script).toMatch(/^\/admin\/[0-9a-f]{16}\/app\.js$/);
    const { headers } = await fetch(`${gateway.url}${script}`);
    expect(headers.get("cache-control")).toContain("immutable");
    expect(headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  });

  it("are only read, at their own paths, by this machine's own pages", async () => {
    const status = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`${gateway.url}${path}`, { redirect: "manual", ...init })).status;
    expect(await status("/admin")).toBe(308);
    expect(await status("/admin/", { method: "HEAD" })).toBe(200);
    expect(await status("/admin/", { method: "POST" })).toBe(405);
    expect(await status("/admin/", { headers: { origin: "https://evil.example" } })).toBe(403);
    for (const path of [
      "/admin/app.js",
      "/admin/0000000000000000/app.js",
      "/admin/index.html",
      "/admin/../package.json",
    ])
      expect([400, 404], path).toContain(await status(path));
  });
});

describe.skipIf(chromium === undefined)("the dashboard in a browser", () => {
  let page: Page;
  beforeAll(async () => {
    page = await openPage(chromium ?? "");
  }, 90_000);
  afterAll(() => page[Symbol.asyncDispose]());
  const text = (id: string): Promise<unknown> =>
    page.evaluate(`document.getElementById("${id}").textContent`);

  it("asks for the token, by keyboard, and says when it is the wrong one", async () => {
    await page.goto(`${gateway.url}/admin/`);
    await page.until("!document.getElementById('sign-in').hidden");
    expect(await page.evaluate("document.activeElement.id")).toBe("token");
    await page.type("wrong");
    await page.press("Enter");
    await page.until("document.getElementById('sign-in-error').textContent !== ''");
    expect(await page.evaluate("document.getElementById('content').hidden")).toBe(true);
    await page.type(CANARY);
    await page.press("Enter");
    await page.until("!document.getElementById('content').hidden");
  }, 90_000);

  it("takes the token of a link out of the address, and shows servers, clients and problems", async () => {
    await page.goto(`${gateway.url}/livez`);
    await page.goto(`${gateway.url}/admin/#token=${CANARY}`);
    await page.until("!document.getElementById('content').hidden");
    expect(await page.evaluate("location.href")).toBe(`${gateway.url}/admin/`);
    expect(await text("summary")).toBe(
      "1 server of 4 is not working. Nothing in search can be used at the moment.",
    );
    expect(await page.evaluate("document.querySelectorAll('#servers tr').length")).toBe(4 + 3);
    expect(await text("problems")).toMatch(/search-1.*What to do/s);
  }, 90_000);

  const fail = async (reason: string): Promise<void> => {
    const answer = await fetch(`${gateway.url}/api/servers/weather-2/failover`, {
      method: "POST",
      headers: { authorization: `Bearer ${CANARY}`, "content-type": "application/json" },
      body: JSON.stringify({ reason }),
    });
    expect(answer.status).toBe(200);
  };

  it("shows calls and events as they come", async () => {
    const client = createRawClient(`${gateway.url}/mcp`);
    await client.initialize();
    for (let at = 0; at < 60; at++)
      await client.request("tools/call", { name: "weather__slow", arguments: { delayMs: at, steps: 1 } });
    client.close();
    await fail("maintenance");
    await page.until(
      "document.getElementById('events').textContent.includes('An operator took weather-2 out: maintenance')",
    );
    await page.until("document.getElementById('clients').textContent.includes('session-')");
    await page.until("document.getElementById('servers').textContent.includes('Taken out of service')");
    expect(await text("summary")).toBe(
      "1 server of 4 is not working. 1 server was taken out of service. Nothing in search can be used at the moment.",
    );
    expect(String(await text("tiles"))).toMatch(/Calls per second[\d.]+/);
  }, 90_000);

  it("looks right in both colour schemes and on a narrow screen, complains of nothing and asks nobody else", async () => {
    for (const [name, scheme, width] of [
      ["dashboard-light", "light", 1_200],
      ["dashboard-dark", "dark", 1_200],
      ["dashboard-narrow", "light", 400],
    ] as const) {
      const picture = await page.picture(scheme, width);
      expect(picture.length).toBeGreaterThan(10_000);
      // Tables scroll by themselves; the page does not.
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name).toBe(true);
      if (pictures === undefined) continue;
      await mkdir(pictures, { recursive: true });
      await writeFile(join(pictures, `${name}.png`), picture);
    }
    // The wrong token's 401 is the only thing that the console has to say.
    expect(page.complaints.filter((one) => !one.includes("401"))).toEqual([]);
    for (const url of page.requested)
      expect(url.startsWith(gateway.url) || /^(data|about):/.test(url), url).toBe(true);
  }, 90_000);

  it("says that the gateway cannot be reached, and comes back by itself", async () => {
    await page.offline(true);
    await page.until("document.getElementById('summary').textContent.includes('cannot be reached')");
    await page.offline(false);
    await page.until("document.getElementById('summary').textContent.includes('not working')");
    await page.until("document.getElementById('events').textContent.includes('search-1')");
  }, 90_000);

  it("takes what others call themselves for text", async () => {
    const nasty = "<img src=x onerror=document.title='owned'>";
    await fetch(`${gateway.url}/api/servers/weather-2/undrain`, {
      method: "POST",
      headers: { authorization: `Bearer ${CANARY}`, "content-type": "application/json" },
      body: "{}",
    });
    await fail(nasty);
    await page.until(`document.getElementById('events').textContent.includes(${JSON.stringify(nasty)})`);
    await page.until(`document.getElementById('servers').textContent.includes(${JSON.stringify(nasty)})`);
    expect(await page.evaluate("document.querySelectorAll('img').length")).toBe(0);
    expect(await page.evaluate("document.title.includes('owned')")).toBe(false);
  }, 90_000);
});

describe("the dashboard's words", () => {
  const replica = (status: string, more: object = {}): object => ({
    id: "a-1",
    status,
    ejected: false,
    ...more,
  });
  const pool = (namespace: string, ...statuses: string[]): object => ({
    namespace,
    replicas: statuses.map((status) => replica(status)),
  });

  it.each([
    ["ready", [pool("a", "ready", "disabled")], "good", "Everything works: 1 server ready."],
    ["degraded", [pool("a", "ready", "starting")], "warn", "Starting: 1 of 2 servers ready."],
    [
      "degraded",
      [pool("a", "ready", "unhealthy")],
      "warn",
      "1 server of 2 is not working. Others of the same group stand in.",
    ],
    [
      "degraded",
      [pool("a", "ready"), pool("b", "crash-loop", "waiting")],
      "bad",
      "2 servers of 3 are not working. Nothing in b can be used at the moment.",
    ],
    [
      "degraded",
      [pool("a", "ready", "draining")],
      "warn",
      "Everything works: 1 server ready. 1 server was taken out of service.",
    ],
    [
      "draining",
      [pool("a", "ready")],
      "warn",
      "The gateway is ending: it finishes its calls and takes no new ones.",
    ],
  ])("sum up %s %j", async (status, pools, weight, text) => {
    const { summaryOf } = await words();
    expect(summaryOf({ status, pools })).toEqual({ weight, text });
  });

  it("have a sentence for every kind of event that the gateway tells, or say that it is for programs", async () => {
    const { sentenceOf } = await words();
    const facts = {
      upstream: "a-1",
      pool: "a",
      reason: "why",
      moved: 1,
      to: "a-2",
      from: 1,
      durationMs: 1_500,
    };
    const collision = { kind: "resourceTemplates", name: "n", first: { pool: "a" }, second: { pool: "b" } };
    const kinds = [
      "upstream-state name-collision problem pool-added pool-removed pool-updated upstream-added upstream-removed",
      "upstream-updated upstream-restarted failover upstream-scaled calls-moved upstream-ejected upstream-returned",
      "panic-began panic-ended strategy-fault tool-drift tool-suspicion config-reloaded admin-change draining",
    ];
    for (const type of kinds.join(" ").split(" ")) {
      const more = {
        status: "unhealthy",
        collision,
        message: "m",
        tool: "t",
        actor: "x",
        operation: "drainServer",
        outcome: "ok",
      };
      const sentence = sentenceOf({ ...facts, ...more, type });
      expect(sentence, type).toBeTypeOf("string");
      expect(sentence, type).not.toMatch(/undefined|\[object/);
    }
    expect(sentenceOf({ ...facts, type: "catalog-changed" })).toBeUndefined();
  });

  it("print numbers for people", async () => {
    const { bytes, duration, perSecond, share } = await words();
    expect([0, 0.4, 12.3, 1_234, 90_000, 7_260_000, 9e8].map(duration)).toEqual([
      "–",
      "< 1 ms",
      "12 ms",
      "1.2 s",
      "1 min",
      "2 h 1 min",
      "10 days",
    ]);
    expect([0, 0.0004, 0.0123, 0.5].map(share)).toEqual(["0 %", "< 0.1 %", "1.2 %", "50 %"]);
    expect([0, 0.04, 4.44, 123.4].map(perSecond)).toEqual(["0", "< 0.1", "4.4", "123"]);
    expect([12, 1_500, 15_000, 2.5e6].map(bytes)).toEqual(["12 B", "1.5 KB", "15 KB", "2.5 MB"]);
  });
});

interface Words {
  summaryOf(status: object): unknown;
  sentenceOf(event: object): unknown;
  bytes(number: number): string;
  duration(ms: number): string;
  perSecond(rate: number): string;
  share(ratio: number): string;
}

/** Browser code has no types; this is what it has to be. */
async function words(): Promise<Words> {
  return (await import(new URL("../dashboard/words.js", import.meta.url).href)) as Words;
}
