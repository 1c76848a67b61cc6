/**
 * A lane for each CPU: who ran there, coloured by thread, strokes for interrupts below, shades where throttling had
 * stopped the event.
 *
 * Not modelled: the order of threads within a bin, which share its height.
 */
import { axisText, edge, percent, stretches, ticksTo } from './charts.ts';
import { type Markup, markup } from './markup.ts';
import type { CpuBin, CpuChart, CpuLaneDrawn, CpuPanel } from './model.ts';
import { threadHue, type Hues } from './palette.ts';

/** Heights in pixels: of a lane's threads, and of the strokes below. */
const LANE = 26;
const STROKES = 9;

export function cpuChart(chart: CpuChart, hues: Hues): Markup {
  const { seconds, threads, others, strokes } = chart;
  const ticks = ticksTo(seconds, 8).filter((tick) => tick <= seconds);
  const stopped = chart.panels.some(({ lanes }) => lanes.some(({ bins }) => bins.some((bin) => bin.stopped > 0)));
  return markup`<figure class="timeline cpus">
<figcaption>${chart.title}</figcaption>
<ul class="legend">${threads.map((name, i) => markup`<li><i class="swatch ${hueOf(chart, i)}"></i>${others && i === threads.length - 1 ? '' : 'thread '}${name}</li>`)}${
    strokes !== undefined && markup`<li><i class="swatch tick"></i>${strokes}</li>`
  }${stopped && markup`<li><i class="swatch stopped"></i>stopped by throttling: the stronger the shade, the more of the time</li>`}</ul>
${chart.panels.map((panel) => panelOf(panel, chart, hues))}
<div class="track" aria-hidden="true"><span class="unit">s</span><svg height="18">${ticks.map((tick, i) => markup`<text x="${percent(tick / seconds)}" y="13" class="${edge(i, tick / seconds)}">${axisText(tick)}</text>`)}</svg></div>
${chart.note !== undefined && markup`<p class="note">${chart.note}</p>`}
</figure>
`;
}

const hueOf = ({ threads, others }: CpuChart, thread: number): string =>
  threadHue(thread, others && thread === threads.length - 1);

function panelOf(panel: CpuPanel, chart: CpuChart, hues: Hues): Markup {
  const { subject, summary, lanes } = panel;
  const heading =
    subject &&
    markup`<h4><i class="swatch ${hues.of(subject)}"></i>${subject.label} <small>${summary}</small></h4>
`;
  return markup`<section class="panel">${heading}${lanes.map((lane) => laneOf(lane, panel, chart))}</section>
`;
}

function laneOf({ name, summary, bins }: CpuLaneDrawn, panel: CpuPanel, chart: CpuChart): Markup {
  const height = LANE + (chart.strokes === undefined ? 0 : STROKES);
  const width = percent(panel.seconds / chart.seconds);
  const told = `${panel.subject === undefined ? '' : `${panel.subject.label}, `}${name}: ${summary}`;
  const strokes = bins
    .map(({ stroke }, i) => (stroke > 0 ? `M${i + 0.5} ${height}v${-Math.max(2, rounded(stroke * STROKES))}` : ''))
    .join('');
  return markup`<div class="track lane"><span aria-hidden="true">${name}</span><svg height="${height}" role="img" aria-label="${told}"><title>${told}</title><svg width="${width}" height="100%" viewBox="0 0 ${panel.bins} ${height}" preserveAspectRatio="none">${areas(bins, chart)}${stretches(bins, height)}${chart.strokes !== undefined && markup`<path class="strokes" d="${strokes}"/>`}</svg></svg></div>
`;
}

const rounded = (n: number): number => Number(n.toFixed(2));

/** A path for each thread: rectangles stacked within each bin, merged with equal neighbours. */
function areas(bins: readonly CpuBin[], chart: CpuChart): Markup[] {
  const paths = new Map<number, string>();
  let before = new Map<number, string>();
  for (const [i, { threads }] of bins.entries()) {
    const now = new Map<number, string>();
    let from = LANE;
    for (const [thread, part] of threads.toSorted(([a], [b]) => a - b)) {
      const tall = rounded(part * LANE);
      if (tall === 0) continue;
      const shape = `V${rounded(from)}v${-tall}`;
      now.set(thread, shape);
      // Closed by the next that differs: a bin is one unit wide.
      if (before.get(thread) !== shape) {
        let end = i + 1;
        while (end < bins.length && sameThere(bins[end]!, thread, from, tall)) end++;
        paths.set(thread, `${paths.get(thread) ?? ''}M${i} ${rounded(from)}h${end - i}v${-tall}h${i - end}z`);
      }
      from -= tall;
    }
    before = now;
  }
  return [...paths].map(([thread, d]) => markup`<path class="area ${hueOf(chart, thread)}" d="${d}"/>`);
}

/** Whether a bin has the thread's rectangle at that place and of that height. */
function sameThere({ threads }: CpuBin, thread: number, from: number, tall: number): boolean {
  let at = LANE;
  for (const [other, part] of threads.toSorted(([a], [b]) => a - b)) {
    const own = rounded(part * LANE);
    if (other === thread) return at === from && own === tall;
    at -= own;
  }
  return false;
}
