// The figures of the source documents beside what was measured.
import type { Claim, Report } from "../result.ts";
import { DOCUMENTED, type DocumentedFigure } from "./documents.ts";

export interface LedgerLine {
  readonly document: string;
  readonly section: string;
  readonly figure: string;
  readonly verdict: "cannot be checked" | "holds" | "holds not" | "no result" | "not measured";
  /** What came out, or why nothing did. */
  readonly measured: string;
  readonly limit: string;
  /** Scenario that it comes from; empty when there is none. */
  readonly scenario: string;
}

export function readLedger(reports: readonly Report[]): LedgerLine[] {
  return DOCUMENTED.map((figure) => lineOf(figure, reports));
}

function lineOf(
  { document, section, figure, measured }: DocumentedFigure,
  reports: readonly Report[],
): LedgerLine {
  const common = { document, section, figure };
  if ("why" in measured) {
    const verdict = measured.why.startsWith("cannot") ? "cannot be checked" : "no result";
    return { ...common, verdict, measured: measured.why, limit: "", scenario: "" };
  }
  const { scenario } = measured;
  const claim = claimOf(
    measured.claim,
    reports.find(({ result }) => result.scenario === scenario)?.result.claims,
  );
  if (claim === undefined) {
    const missing = `not in these results; npm run benchmark -- ${scenario} --profile full`;
    return { ...common, verdict: "not measured", measured: missing, limit: "", scenario };
  }
  return {
    ...common,
    verdict: claim.met ? "holds" : "holds not",
    measured: claim.measured,
    limit: claim.limit ?? "",
    scenario,
  };
}

function claimOf(words: string, claims: readonly Claim[] = []): Claim | undefined {
  return claims.find(({ claim }) => claim.startsWith(words));
}
