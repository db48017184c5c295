// A real browser without a library: Chromium started here, and spoken to over the DevTools protocol.
import { startProcess, tempDir, waitUntil } from "@fairlead/testbed";

export interface Page {
  goto(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until the expression is true. */
  until(expression: string): Promise<void>;
  press(key: "Tab" | "Enter"): Promise<void>;
  type(text: string): Promise<void>;
  /** Takes the network away from the page, or gives it back. */
  offline(isOff: boolean): Promise<void>;
  /** A picture of the whole page as PNG. */
  picture(scheme: "light" | "dark", width: number): Promise<Buffer>;
  /** What went wrong in the page: exceptions, and everything that its policy forbade. */
  readonly complaints: readonly string[];
  /** Every URL that it asked for. */
  readonly requested: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

type Parameters = Readonly<Record<string, unknown>>;
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

const KEYS = { Tab: 9, Enter: 13 } as const;

export async function openPage(chromium: string): Promise<Page> {
  const profile = await tempDir();
  const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const browser = await startProcess({
    command: chromium,
    args: [...options, "--remote-debugging-port=0", `--user-data-dir=${profile.path}`, "about:blank"],
  });
  const [, address = ""] = await browser.waitForLine(/DevTools listening on (ws:\/\/\S+)/, 60_000);
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  const waiting = new Map<number, (message: Message) => void>();
  const complaints: string[] = [];
  const requested: string[] = [];
  let lastId = 0;
  let sessionId: unknown;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) {
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    } else note(message);
  });

  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  ({ sessionId } = await send("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "Runtime", "Network", "Log"]) await send(`${domain}.enable`);

  const page: Page = {
    complaints,
    requested,
    async goto(url) {
      await send("Page.navigate", { url });
      await page.until("document.readyState === 'complete'");
    },
    async evaluate(expression) {
      const { result } = await send("Runtime.evaluate", { expression, returnByValue: true });
      return (result as { readonly value?: unknown }).value;
    },
    async until(expression) {
      await waitUntil(async () => (await page.evaluate(expression)) === true, {
        timeoutMs: 30_000,
        what: expression,
      });
    },
    async press(key) {
      const event = {
        key,
        code: key,
        windowsVirtualKeyCode: KEYS[key],
        ...(key === "Enter" ? { text: "\r" } : {}),
      };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
    },
    async type(text) {
      await send("Input.insertText", { text });
    },
    async offline(isOff) {
      const conditions = { offline: isOff, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
      await send("Network.emulateNetworkConditions", conditions);
    },
    async picture(scheme, width) {
      await send("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: scheme }],
      });
      const size = { width, height: 800, deviceScaleFactor: 1, mobile: false };
      await send("Emulation.setDeviceMetricsOverride", size);
      const height = Number(await page.evaluate("document.documentElement.scrollHeight"));
      await send("Emulation.setDeviceMetricsOverride", { ...size, height });
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      return Buffer.from(String(data), "base64");
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await browser[Symbol.asyncDispose]();
      await profile[Symbol.asyncDispose]();
    },
  };
  return page;

  function send(method: string, params: Parameters = {}): Promise<Parameters> {
    const id = ++lastId;
    socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result = {}, error }) => {
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  function note({ method, params = {} }: Message): void {
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params["exceptionDetails"]));
    if (method === "Log.entryAdded") complaints.push((params["entry"] as { readonly text: string }).text);
    if (method === "Network.requestWillBeSent")
      requested.push((params["request"] as { readonly url: string }).url);
  }
}
