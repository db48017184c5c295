import config from "@fairlead/vitest-config";

export default config;
