export const reportStyle = `
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 82rem; padding: 0 1rem; color: #1c2733; background: #fff; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } small { color: #66727f; font-weight: normal; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; }
svg { font: 12px system-ui, sans-serif; fill: #1c2733; } svg .cell { font-weight: 600; }
svg .ours { fill: #0b7a75; } svg .peer { fill: #b9c4ce; } svg path { stroke: #1c2733; fill: none; }
table { border-collapse: collapse; } th, td { padding: .25rem .75rem; border-bottom: 1px solid #dde3e8; text-align: left; font-variant-numeric: tabular-nums; }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #dfe6ec; } svg { fill: #dfe6ec; } svg path { stroke: #dfe6ec; } svg .peer { fill: #55616d; } th, td { border-color: #2b343d; } }
`;
