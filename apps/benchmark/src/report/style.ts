// How the page looks, in light and in dark.

/** The palette of Okabe and Ito, which colour-blind readers can tell apart; lighter where the page is dark. */
const DARK_SERIES = ["#4db1ea", "#f2b544", "#3ecf9f", "#e3a5c7", "#9ad3f5", "#ff8f4d", "#b9b9b9", "#f5ea7a"]
  .map((colour, at) => `--series-${at}: ${colour};`)
  .join(" ");

export const STYLE: string = `
:root { color-scheme: light dark; --text: #1c1e21; --muted: #5b6169; --page: #fff; --card: #f6f7f9; --grid: #d9dde3; --good: #0a6b41; --good-back: #e0f4ea; --bad: #a31a13; --bad-back: #fde8e6; --accent: #0b5cad; --own: #eaf3fc; --other: #9aa3ad; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --muted: #a5aeb8; --page: #14171b; --card: #1d2228; --grid: #363d46; --good: #6fd6a3; --good-back: #12301f; --bad: #ff9a91; --bad-back: #3a1a18; --accent: #7db7f0; --own: #1a2a3a; --other: #6d7680; ${DARK_SERIES} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid var(--grid); padding-top: 1.5rem; } h3 { margin: 2rem 0 .4rem; font-size: 1.05rem; }
.lead { font-size: 1.1rem; } .tiles { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.2rem 0; } .tile { background: var(--card); border-radius: .5rem; padding: .8rem 1.2rem; flex: 1 1 16rem; } .tile b { font-size: 1.6rem; display: block; }
nav, details { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; } nav ol { margin: .3rem 0 0; padding-left: 1.5rem; columns: 2; column-gap: 2rem; } a { color: var(--accent); } summary { font-weight: 600; cursor: pointer; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .88rem; } .scroll { overflow-x: auto; }
th, td { padding: .35rem .6rem; text-align: left; border-bottom: 1px solid var(--grid); vertical-align: top; } th { color: var(--muted); font-weight: 600; } td.number { text-align: right; white-space: nowrap; } tr.own td { background: var(--own); font-weight: 600; }
th.document { color: var(--text); padding-top: 1.2rem; } .claims td:last-child { white-space: nowrap; font-weight: 600; } .claims td:first-child { width: 32%; }
svg { width: 100%; height: auto; background: var(--card); border-radius: .5rem; margin: .5rem 0; padding: .5rem; }
.note, footer, .where, .scenario { color: var(--muted); font-size: .88rem; } .note { font-weight: 400; } td.yes { color: var(--good); background: var(--good-back); } td.no { color: var(--bad); background: var(--bad-back); } td.open { color: var(--muted); }
dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: .3rem 1rem; font-size: .88rem; line-height: 1.4; } dt { font-weight: 600; } dd { margin: 0; color: var(--muted); }
@media (max-width: 40rem) { nav ol { columns: 1; } dl { grid-template-columns: 1fr; } }
`;
