import { expect, it } from "vitest";
import { createLmStudioClient } from "./client.ts";
import { optionsFromEnvironment } from "./environment.ts";

it("asks LM Studio on this machine when nothing is set", () => {
  expect(optionsFromEnvironment({})).toEqual({ hosts: ["http://localhost:1234/v1"] });
});

it("reads every variable of the two documents, times in seconds", () => {
  const options = optionsFromEnvironment({
    LMSTUDIO_API_BASE: "http://192.168.1.100:1234/v1, http://192.168.1.101:1234/v1",
    LMSTUDIO_API_TOKEN: "sk-lm-1:2",
    MAX_CONCURRENT_REQUESTS: "30",
    CONNECTION_TIMEOUT: "30",
    READ_TIMEOUT: "120",
    ROUTER_RATE_LIMIT_TPS: "12",
    SMART_PLAN_IMMEDIATE_TIMEOUT_SEC: "150",
    ROUTER_BG_TIMEOUT_SEC: "300",
    HTTP_READ_TIMEOUT_SIMPLE: "60",
    HTTP_READ_TIMEOUT_COMPLEX: "180",
    HTTP_MAX_RETRIES: "3",
    HTTP_BACKOFF_FACTOR: "1.5",
  });
  expect(options).toEqual({
    hosts: ["http://192.168.1.100:1234/v1", "http://192.168.1.101:1234/v1"],
    apiToken: "sk-lm-1:2",
    maxConcurrent: 30,
    connectTimeoutMs: 30_000,
    headersTimeoutMs: 120_000,
    idleTimeoutMs: 120_000,
    ratePerSecond: 12,
    immediateTimeoutMs: 150_000,
    totalTimeoutMs: 300_000,
    simpleTimeoutMs: 60_000,
    complexTimeoutMs: 180_000,
    maxRetries: 3,
    backoffFactor: 1.5,
  });
  expect(createLmStudioClient(options).hosts()).toMatchObject([
    { name: "192.168.1.100:1234", url: "http://192.168.1.100:1234", circuit: "closed" },
    { name: "192.168.1.101:1234" },
  ]);
});

it("goes by HTTP_CONNECT_TIMEOUT where CONNECTION_TIMEOUT is set as well", () => {
  const env = { CONNECTION_TIMEOUT: "30", HTTP_CONNECT_TIMEOUT: "10" };
  expect(optionsFromEnvironment(env)).toMatchObject({ connectTimeoutMs: 10_000 });
});

it("names a variable that is no number", () => {
  expect(() => optionsFromEnvironment({ HTTP_MAX_RETRIES: "many" })).toThrow(
    "HTTP_MAX_RETRIES must be a number from 0, got many",
  );
});

it.each([
  [{ hosts: [] }, "hosts must not be empty"],
  [{ hosts: ["localhost:1234"] }, "hosts[].url must be an http or https URL, got localhost:1234"],
  [{ hosts: ["http://a", "http://a/v1"] }, "hosts must have names of their own, got a twice"],
  [{ hosts: ["http://a"], idleTimeoutMs: 0 }, "idleTimeoutMs must be a finite number above 0, got 0"],
  [{ hosts: ["http://a"], maxRetries: -1 }, "maxRetries must be an integer from 0, got -1"],
  [{ hosts: ["http://a"], maxConnections: 5 }, "maxConnections must be an integer from 10, got 5"],
  [{ hosts: ["http://a"], backoffFactor: 0.5 }, "factor"],
])("the client names a wrong option: %j", (options, message) => {
  expect(() => createLmStudioClient(options)).toThrow(message);
});
