import { library } from "@fairlead/tsup-config";

export default library({
  entry: { index: "src/index.ts", main: "src/main.ts", "auth/admin-token": "src/auth/admin-token.ts" },
});
