/** The look of a page: one serif for prose, one monospace for names and numbers, colours from palette.ts. */
import { DARK, LIGHT, type Sheet } from './palette.ts';

const properties = (sheet: Sheet): string =>
  Object.entries(sheet)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

const HUES = Object.keys(LIGHT).filter((name) => /^c\d$/.test(name));

export const STYLE = `
:root{color-scheme:light;${properties(LIGHT)};--serif:Charter,"Bitstream Charter","Iowan Old Style","Source Serif 4",Cambria,Georgia,"DejaVu Serif",serif;--mono:ui-monospace,"Cascadia Mono","JetBrains Mono","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${properties(DARK)}}}
:root[data-theme=dark]{color-scheme:dark;${properties(DARK)}}

*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:2.5rem clamp(1rem,4vw,3rem) 4rem;max-width:84rem;background:var(--paper);color:var(--ink);font:1.0625rem/1.55 var(--serif)}
code,pre,td,.values,.labels,.scale,svg text{font-family:var(--mono);font-variant-numeric:tabular-nums}
p,h1,h2,h4{margin:0}
small{font-size:.8em;color:var(--quiet)}
a{color:var(--link)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}

header{display:grid;grid-template-columns:1fr auto;gap:.35rem 1rem;align-items:start;padding-bottom:1.4rem;border-bottom:1px solid var(--rule)}
.command{grid-column:1/-1;font-size:.8rem;color:var(--quiet);overflow-wrap:anywhere}
h1{font-size:clamp(1.6rem,1.2rem + 1.8vw,2.4rem);line-height:1.15;font-weight:600;letter-spacing:-.012em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.3rem;line-height:1.25;font-weight:600;margin:3.2rem 0 .4rem}
h4{font:600 .9rem/1.4 var(--serif);margin:0 0 .3rem;overflow-wrap:anywhere}
h4 small{font-weight:400;font-size:.82rem;margin-left:.35em}
.about,.note{max-width:68ch;color:var(--quiet)}
.about{margin-bottom:1.4rem}
.note{font-size:.85rem;margin-top:.6rem}
figure{margin:0 0 2.4rem}
figcaption,.caption{font-weight:600;text-align:left;font-size:1rem;padding:0;margin-bottom:.5rem;font-family:var(--serif)}
button,input{font:inherit;font-size:.85rem;color:inherit;background:transparent;border:1px solid var(--rule);border-radius:.35rem;padding:.25rem .6rem}
button{cursor:pointer;white-space:nowrap}
button:hover{background:var(--raised)}
#tools{display:flex;gap:.4rem;flex-wrap:wrap;justify-content:flex-end}

.findings{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 2.5rem}
.finding{padding:1.5rem 0 0}
.finding h2{display:flex;flex-wrap:wrap;align-items:center;gap:.2rem .5rem;margin:0 0 .3rem;font-size:.95rem;color:var(--quiet);font-weight:400}
.finding p{font-size:1.22rem;line-height:1.42;max-width:52ch;text-wrap:pretty;overflow-wrap:anywhere}
.shape{flex:none;width:1.5rem;height:1.5rem;line-height:1.42rem;text-align:center;border-radius:50%;border:1px solid currentColor;font-family:var(--mono);color:var(--ink)}
.word{padding:.05rem .5rem .1rem;border-radius:1rem;background:var(--raised);color:var(--ink);white-space:nowrap}
.material .shape,.material .word{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.cautions{margin-top:2.2rem;padding:1rem 1.25rem 1.1rem;background:var(--raised);border-left:3px solid var(--warn)}
.cautions h2{margin:0 0 .35rem;font-size:1.05rem}
.cautions ul{margin:0;padding:0;list-style:none;display:grid;gap:.45rem;font-size:.95rem}
.cautions li{overflow-wrap:anywhere}
.remedy{color:var(--quiet)}
.remedy::before{content:"→ "}
.option{white-space:nowrap}
.table{margin-bottom:2.4rem}

.scroll{overflow-x:auto;max-width:100%;background:linear-gradient(to right,var(--paper) 30%,transparent) 0 0/2.5rem 100% no-repeat local,linear-gradient(to left,var(--paper) 30%,transparent) 100% 0/2.5rem 100% no-repeat local,linear-gradient(to right,var(--rule),transparent) 0 0/.7rem 100% no-repeat scroll,linear-gradient(to left,var(--rule),transparent) 100% 0/.7rem 100% no-repeat scroll}
pre.scroll{font-size:.82rem;line-height:1.6;margin:.6rem 0 1.6rem}
table{border-collapse:collapse;font-size:.82rem;line-height:1.4;min-width:min(100%,34rem)}
.caption{overflow-wrap:anywhere}
.lead{stroke-opacity:.35}
th,td{padding:.28rem .75rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{font:600 .82rem/1.3 var(--serif);color:var(--quiet);border-bottom-color:var(--quiet);vertical-align:bottom}
.groups th,.groups td{border-bottom:0;padding-bottom:0;color:var(--ink)}
.groups th{border-left:1px solid var(--rule)}
.begins{border-left:1px solid var(--rule)}
th:first-child,td:first-child{padding-left:0}
.number{text-align:right}
td.prose{white-space:normal;min-width:20rem;font-family:var(--serif);font-size:.86rem}
.lead-in{margin:1rem 0 0}
.lead-in+.lead-in{margin-top:.3rem}
tbody th{font-weight:400}
.name code{overflow-wrap:anywhere}
table .name{white-space:normal;min-width:12rem;max-width:30rem}
tbody tr:hover{background:var(--raised)}
thead button{border:0;padding:0;font:inherit;color:inherit;text-align:inherit;background:none}
thead button::after,thead .number button::before{content:"";display:inline-block;width:1em;text-align:center}
thead .number button::after{content:none}
th:not(.number)[aria-sort=ascending] button::after,.number[aria-sort=ascending] button::before{content:"↑"}
th:not(.number)[aria-sort=descending] button::after,.number[aria-sort=descending] button::before{content:"↓"}
th[aria-sort] button{color:var(--ink)}

svg{display:block;width:100%;overflow:hidden}
svg svg{display:inline}
svg text{font-size:11.5px;fill:var(--quiet)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:0 0 .7rem;padding:0;list-style:none;font-size:.88rem}
.legend li{overflow-wrap:anywhere}
.swatch{display:inline-block;width:.8em;height:.8em;margin-right:.45em;border-radius:2px;vertical-align:-.02em}
.swatch.mark{width:.62em;height:.62em;background:var(--ink);transform:rotate(45deg);border-radius:0}
.swatch.whisker{width:1.1em;height:.5em;border:solid var(--ink);border-width:0 1.5px;border-radius:0;background:linear-gradient(var(--ink),var(--ink)) 0 50%/100% 1.5px no-repeat}
.swatch.stopped{background:var(--ink);opacity:.25}
.swatch.stroke{width:0;height:.9em;border-left:2px solid var(--c0);border-radius:0}
.swatch.tick{width:0;height:.9em;border-left:1px dashed var(--quiet);border-radius:0}
.swatch.more{background:var(--more)}
.swatch.less{background:var(--less)}
.grid line{stroke:var(--rule);stroke-width:1;shape-rendering:crispEdges}
${HUES.map((name) => `.swatch.${name}{background:var(--${name})}rect.${name},circle.${name},.area.${name}{fill:var(--${name})}.line.${name},.lead.${name}{stroke:var(--${name})}`).join('\n')}

.row,.axis{display:grid;grid-template-columns:minmax(9rem,17rem) 1fr;gap:0 1rem}
.row{padding:.4rem 0;border-top:1px solid var(--rule)}
.group{display:grid;grid-template-columns:6.6rem 1fr 4.4rem;gap:0 .6rem;min-width:0}
.long .group{grid-template-columns:6.6rem 1fr 5.6rem}
.row .name{font-size:.9rem;line-height:1.35;overflow-wrap:anywhere;min-width:0}
.row .name small{overflow-wrap:anywhere}
.labels,.values{margin:0;padding:0;list-style:none;font-size:.74rem;line-height:17px;color:var(--quiet);white-space:nowrap;text-align:right}
.labels li,.values li{height:17px;overflow:hidden;text-overflow:ellipsis}
.values{text-align:left;color:var(--ink)}
.axis{font-size:.74rem;color:var(--quiet)}
.unit{font-family:var(--mono);font-size:.72rem;line-height:18px;text-align:right;color:var(--quiet);white-space:nowrap}
.axis .unit{padding-right:1.6rem;justify-self:end}
.axis text,.track text{text-anchor:middle}
text.first{text-anchor:start}
text.last{text-anchor:end}
.plot{overflow:visible}
.whisker line{stroke:var(--ink);stroke-width:1.4}
.mark line{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:2 2.5}
.mark svg{overflow:visible}
.mark path{fill:var(--ink);stroke:var(--paper);stroke-width:1}

.panel{margin:0 0 1.1rem}
.lane{margin-bottom:.3rem}
.lane>span{font:.76rem/26px var(--mono);text-align:right;color:var(--quiet);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.lane>svg{background:var(--raised)}
.strokes{fill:none;stroke:var(--ink);stroke-width:1.2;vector-effect:non-scaling-stroke}
.track{display:grid;grid-template-columns:6.6rem 1fr;gap:0 .6rem;margin-bottom:.45rem}
.scale{margin:0;padding:0;list-style:none;display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:.72rem;line-height:1;color:var(--quiet)}
.area{fill-opacity:.75}
.line{fill:none;stroke-width:1.8;vector-effect:non-scaling-stroke}
rect.stopped{fill:var(--ink)}
.ticks{fill:none;stroke:var(--quiet);stroke-width:1;stroke-dasharray:2 2;vector-effect:non-scaling-stroke}

.flame{margin:0 0 1.3rem}
.stack{display:flex;flex-direction:column-reverse;max-height:min(75vh,42rem);overflow-y:auto}
.graph{flex:none}
.search{display:flex;gap:.4rem .8rem;align-items:center;margin:0 0 .8rem;font-size:.88rem}
.search input{min-width:0;flex:0 1 18rem;font-family:var(--mono)}
.frame{cursor:pointer}
.frame text{fill:var(--ink);pointer-events:none}
.frame rect{stroke:var(--paper);stroke-width:.6}
.frame:hover rect,.frame.here rect{stroke:var(--ink);stroke-width:1.6}
.frame.found rect{fill-opacity:.95}
.frame.found text{fill:var(--paper);font-weight:700}
.searching .frame:not(.found){opacity:.4}
.frame.bare text{display:none}
.frame.bare rect{stroke:none}
rect.more{fill:var(--more)}
rect.less{fill:var(--less)}
rect.even{fill:var(--quiet)}
.told{min-height:3em;font:.8rem/1.5 var(--mono);color:var(--quiet);overflow-wrap:anywhere}
footer{margin-top:3rem;padding-top:.2rem;border-top:1px solid var(--rule);font-size:.85rem;color:var(--quiet)}
footer h2{font-size:1.05rem;margin:1.2rem 0 0;color:var(--ink)}

@media (max-width:47rem){
.moments .track{grid-template-columns:1fr}
.moments .track>span:empty{display:none}
.moments .line{stroke-width:.8}
.moments .unit{text-align:left}
body{padding-top:1.4rem;font-size:1rem}
header{grid-template-columns:1fr}
#tools{justify-content:flex-start}
.row,.axis{grid-template-columns:1fr}
.axis>span{display:none}
.row .name{margin-bottom:.15rem}
.group{grid-template-columns:5rem 1fr 3.5rem;gap:0 .45rem}
.long .group{grid-template-columns:5rem 1fr 4.4rem}
.labels,.long .values{font-size:.68rem}
.track{grid-template-columns:5.2rem 1fr;gap:0 .45rem}
.axis .unit{grid-column:1/-1;text-align:left;justify-self:start}
.axis .plot{grid-column:2}
.axis .group>span:last-child{display:none}
.finding p{font-size:1.1rem}
table .name{min-width:7.5rem;max-width:42vw}
tbody th.name,thead th.name{position:sticky;left:0;background:var(--paper);z-index:1}
th,td{padding-inline:.55rem}
}

@media print{
:root,:root[data-theme=dark]{color-scheme:light;${properties(LIGHT)}}
body{max-width:none;padding:0;font-size:10pt}
#tools,.search,.told{display:none}
.scroll,.stack{overflow:visible;max-height:none;background:none}
.row,.panel,.flame,.finding,tr{break-inside:avoid}
h2,h4,figcaption{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`;
