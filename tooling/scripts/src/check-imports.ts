// `pnpm run imports`: fails when a package imports, or lists, what its row of the package table does not allow.
import { fileURLToPath } from "node:url";
import { checkImports } from "./imports/check.ts";
import { packageTable } from "./package-table.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const { violations, files, packages } = checkImports(root, packageTable);
for (const violation of violations) console.error(violation);
console.log(
  violations.length === 0
    ? `imports: ${files} files of ${packages} packages follow the package table`
    : `imports: ${violations.length} not allowed; the table is tooling/scripts/src/package-table.ts`,
);
process.exitCode = violations.length === 0 ? 0 : 1;
