// The checks of the extra suites, counted and printed one by one.

export interface SuiteReport {
  /** Runs one check; what it throws is its failure. Resolves to whether it passed. */
  check(name: string, run: () => Promise<void> | void): Promise<boolean>;
  skip(name: string, why: string): void;
  counts(): { readonly passed: number; readonly failed: number; readonly skipped: number };
}

export function createSuiteReport(print: (line: string) => void = console.log): SuiteReport {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  return {
    async check(name, run) {
      const start = performance.now();
      try {
        await run();
        passed++;
        print(`ok      ${name} (${seconds(start)})`);
        return true;
      } catch (error) {
        failed++;
        const text = error instanceof Error ? error.message : String(error);
        print(`FAILED  ${name} (${seconds(start)})\n${text.replaceAll(/^/gm, "        ")}`);
        return false;
      }
    },
    skip(name, why) {
      skipped++;
      print(`skipped ${name}: ${why}`);
    },
    counts: () => ({ passed, failed, skipped }),
  };
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
