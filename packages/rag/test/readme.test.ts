import { describeReadme } from "@fairlead/vitest-config/readme";

await describeReadme(new URL("../", import.meta.url));
