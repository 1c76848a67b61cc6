/**
 * Drawings of numbers: bars with whiskers, panels over time and close-ups, as markup that needs no script.
 *
 * Positions across a figure are percentages of its width, so that one drawing fits both a phone and a desktop; heights
 * are in pixels, so that texts keep their size. Every figure states in words what it shows, and labels its subjects as
 * well as colouring them.
 *
 * Not modelled: axes that do not begin at zero, except those of powers of ten.
 */
import { log } from '../../sim/math.ts';
import { type Markup, markup } from './markup.ts';
import type { BarRow, Bars, Bin, CloseUp, Estimate, Moments, Series, Timeline } from './model.ts';
import type { Hues } from './palette.ts';

/** A position in percent, to a thousandth: no screen shows more, and it keeps the file small. */
export const percent = (part: number): string => `${Number((100 * part).toFixed(3))}%`;

/** Round values of an axis from zero to `most`, about five. */
export function ticksTo(most: number, wanted = 5): number[] {
  if (!(most > 0)) return [0, 1];
  let unit = 1;
  while (unit * 10 <= most) unit *= 10;
  while (unit > most) unit /= 10;
  // The step is a power of ten, or a half, a fifth or a twentieth of it, whichever comes nearest.
  const step = [unit / 10, unit / 5, unit / 2, unit, 2 * unit, 5 * unit].find((s) => most / s <= wanted)!;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

interface Axis {
  readonly ticks: readonly number[];
  /** Horizontal position of a value. */
  readonly at: (value: number) => string;
}

function fromZero(estimates: readonly Estimate[]): Axis {
  const ticks = ticksTo(Math.max(0, ...estimates.flatMap(({ value, high = 0 }) => [value, high])));
  return { ticks, at: (value) => percent(Math.max(0, value) / ticks.at(-1)!) };
}

function powersOfTen(estimates: readonly Estimate[]): Axis {
  const values = estimates.flatMap(({ value, low = value, high = value }) => [value, low, high]).filter((v) => v > 0);
  const [least, most] = [Math.min(...values, 1e9), Math.max(...values, 1e-9)];
  let first = 1;
  while (first > least) first /= 10;
  while (first * 10 <= least) first *= 10;
  const ticks = [first];
  while (ticks.at(-1)! < most || ticks.length < 2) ticks.push(Number((ticks.at(-1)! * 10).toPrecision(12)));
  const width = log(ticks.at(-1)! / first);
  return { ticks, at: (value) => percent(value > first ? log(value / first) / width : 0) };
}

const SIZES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** "1.2M": a round value of an axis. */
export function axisText(value: number): string {
  const [size, letter] = SIZES.find(([least]) => value >= least) ?? [1, ''];
  return `${Number((value / size).toPrecision(12))}${letter}`;
}

const LINE = 17;
const BAR = 11;
/** Room for a value, in letters. */
const ROOM = 7;

const labels = ({ subjects }: Bars): string[] =>
  subjects.every(({ label }) => label.length <= 12)
    ? subjects.map(({ label }) => label)
    : subjects.map((_, i) => String.fromCodePoint(65 + (i % 26)));

const words = (label: string, { text, interval }: Estimate): string =>
  interval === undefined ? `${label} ${text}` : `${label} ${text} (${interval})`;

/** Groups of bars on one axis, with the group's mark above them. */
export function barChart(chart: Bars, hues: Hues): Markup {
  const short = labels(chart);
  const axisOf = chart.dots === true ? powersOfTen : fromZero;
  const { ticks, at } = axisOf(
    chart.rows.flatMap(({ mark, marks = [], bars }) => [mark, ...marks, ...bars].flatMap((e) => e ?? [])),
  );
  const axis = markup`<div class="axis" aria-hidden="true"><span></span><div class="group"><span class="unit">${chart.unit}</span><svg class="plot" height="18">${ticks.map((tick) => markup`<text x="${at(tick)}" y="13">${axisText(tick)}</text>`)}</svg><span></span></div></div>`;
  const longest = Math.max(0, ...chart.rows.flatMap(({ bars }) => bars.map((e) => e?.text.length ?? 0)));
  return markup`<figure class="bars${longest > ROOM && ' long'}">
<figcaption>${chart.title}</figcaption>
<ul class="legend">${chart.subjects.map((subject, i) => markup`<li><i class="swatch ${hues.of(subject)}"></i>${short[i] === subject.label ? '' : markup`<b>${short[i]}</b> `}${subject.label}</li>`)}${
    chart.mark !== undefined && markup`<li><i class="swatch mark"></i>${chart.mark}</li>`
  }${chart.whiskers !== undefined && markup`<li><i class="swatch whisker"></i>${chart.whiskers}</li>`}</ul>
${axis}
${chart.rows.map((row) => barGroup(row, chart, short, { ticks, at }, hues))}
${axis}
${chart.note !== undefined && markup`<p class="note">${chart.note}</p>`}
</figure>
`;
}

function barGroup(row: BarRow, chart: Bars, short: readonly string[], { ticks, at }: Axis, hues: Hues): Markup {
  const across = chart.mark !== undefined && row.marks === undefined;
  const top = across ? LINE : 0;
  const height = top + LINE * row.bars.length;
  const told = [
    ...(row.mark && chart.mark !== undefined ? [words(chart.mark, row.mark)] : []),
    ...row.bars.flatMap((e, i) => (e ? [barWords(chart, row, e, i)] : [])),
  ];
  const bars = row.bars.map((e, i) => {
    if (!e) return '';
    const middle = top + LINE * i + LINE / 2;
    const beside = row.marks?.[i];
    const whisker =
      e.low === undefined || e.high === undefined
        ? ''
        : markup`<g class="whisker"><line x1="${at(e.low)}" x2="${at(e.high)}" y1="${middle}" y2="${middle}"/><line x1="${at(e.low)}" x2="${at(e.low)}" y1="${middle - 3}" y2="${middle + 3}"/><line x1="${at(e.high)}" x2="${at(e.high)}" y1="${middle - 3}" y2="${middle + 3}"/></g>`;
    return markup`<g><title>${barWords(chart, row, e, i)}</title>${barOrDot(at(e.value), middle, hues.of(chart.subjects[i]!), chart.dots === true)}${whisker}${beside && markup`<g class="mark">${diamond(at(beside.value), middle)}</g>`}</g>`;
  });
  const mark =
    row.mark &&
    markup`<g class="mark"><title>${words(chart.mark ?? '', row.mark)}</title><line x1="${at(row.mark.value)}" x2="${at(row.mark.value)}" y1="${LINE / 2}" y2="${height}"/>${diamond(at(row.mark.value), LINE / 2)}</g>`;
  const column = (name: string, first: string | undefined, rest: readonly (string | undefined)[]): Markup =>
    markup`<ul class="${name}" aria-hidden="true">${[...(across ? [first] : []), ...rest].map((text) => markup`<li>${text}</li>`)}</ul>`;
  return markup`<div class="row"><div class="name"><code>${row.name}</code>${row.detail !== undefined && markup` <small>${row.detail}</small>`}</div><div class="group">${column('labels', chart.mark, short)}<svg class="plot" height="${height}" role="img" aria-label="${`${row.name}: ${told.join('; ')}`}"><g class="grid">${ticks.map((tick) => markup`<line x1="${at(tick)}" x2="${at(tick)}" y1="0" y2="100%"/>`)}</g>${bars}${mark}</svg>${column(
    'values',
    row.mark?.text,
    row.bars.map((e) => e?.text),
  )}</div></div>
`;
}

const diamond = (x: string, y: number): Markup =>
  markup`<svg x="${x}" y="${y}" overflow="visible"><path d="M0-5 5 0 0 5-5 0z"/></svg>`;

/** The text of a bar and of its mark. */
function barWords({ subjects, mark = '' }: Bars, { marks }: BarRow, e: Estimate, i: number): string {
  const beside = marks?.[i];
  return words(subjects[i]!.label, e) + (beside ? `, ${words(mark, beside)}` : '');
}

/** A bar up to a position, or a dot there on a leading line. */
function barOrDot(at: string, middle: number, hue: string, dot: boolean): Markup {
  if (!dot) return markup`<rect class="${hue}" x="0" y="${middle - BAR / 2}" width="${at}" height="${BAR}"/>`;
  return markup`<line class="lead ${hue}" x1="0" x2="${at}" y1="${middle}" y2="${middle}"/><circle class="${hue}" cx="${at}" cy="${middle}" r="4.5"/>`;
}

const SAMPLES_HEIGHT = 72;
const PERIOD_HEIGHT = 56;

/** A panel for each subject; they share axes, so that they can be compared by eye. */
export function timeline(chart: Timeline, hues: Hues): Markup {
  const most = (of: (bin: Series['bins'][number]) => number): number =>
    Math.max(...chart.series.flatMap(({ bins }) => bins.map(of)), 0);
  const samples = ticksTo(
    most((bin) => bin.samples),
    3,
  );
  const periods = ticksTo(
    most((bin) => bin.period ?? 0),
    3,
  );
  const seconds = ticksTo(chart.seconds, 8).filter((tick) => tick <= chart.seconds);
  const stopped = chart.series.some(({ bins }) => bins.some((bin) => bin.stopped > 0));
  return markup`<figure class="timeline">
<figcaption>${chart.title}</figcaption>
${stopped && markup`<ul class="legend"><li><i class="swatch stopped"></i>stopped by throttling: the stronger the shade, the more of the time</li></ul>`}
${chart.series.map((series) => panel(series, chart, samples, periods, hues))}
<div class="track" aria-hidden="true"><span class="unit">s</span><svg height="18">${seconds.map((tick, i) => markup`<text x="${percent(tick / chart.seconds)}" y="13" class="${edge(i, tick / chart.seconds)}">${axisText(tick)}</text>`)}</svg></div>
${chart.note !== undefined && markup`<p class="note">${chart.note}</p>`}
</figure>
`;
}

function panel(
  series: Series,
  { seconds, rate }: Timeline,
  samples: readonly number[],
  periods: readonly number[],
  hues: Hues,
): Markup {
  const { subject, summary, bins } = series;
  const hue = hues.of(subject);
  const n = bins.length;
  const width = percent(series.seconds / seconds);
  const track = (title: string, ticks: readonly number[], height: number, drawn: Markup): Markup =>
    markup`<div class="track"><ul class="scale" aria-hidden="true"><li>${axisText(ticks.at(-1)!)}</li><li>${title}</li><li>0</li></ul><svg height="${height}" role="img" aria-label="${`${title} of ${subject.label} over time: ${summary}`}"><g class="grid">${ticks.map((tick) => markup`<line x1="0" x2="100%" y1="${percent(1 - tick / ticks.at(-1)!)}" y2="${percent(1 - tick / ticks.at(-1)!)}"/>`)}</g><svg width="${width}" height="100%" viewBox="0 0 ${n} ${height}" preserveAspectRatio="none">${stretches(bins, height)}${drawn}</svg></svg></div>
`;
  const y = (value: number, ticks: readonly number[], height: number): string =>
    String(Number((height * (1 - value / ticks.at(-1)!)).toFixed(2)));
  const area = `M0 ${SAMPLES_HEIGHT}${bins.map((bin) => `V${y(bin.samples, samples, SAMPLES_HEIGHT)}h1`).join('')}V${SAMPLES_HEIGHT}z`;
  let [line, before] = ['', false];
  bins.forEach(({ period }, i) => {
    if (period !== undefined) {
      const at = y(period, periods, PERIOD_HEIGHT);
      line += before ? `V${at}h1` : `M${i} ${at}h1`;
    }
    before = period !== undefined;
  });
  return markup`<section class="panel"><h4><i class="swatch ${hue}"></i>${subject.label} <small>${summary}</small></h4>
${track(rate, samples, SAMPLES_HEIGHT, markup`<path class="area ${hue}" d="${area}"/>`)}${track('period', periods, PERIOD_HEIGHT, markup`<path class="line ${hue}" d="${line}"/>`)}</section>
`;
}

/** Bins in which the event was stopped, shaded by how long; equal neighbours are merged. */
export function stretches(bins: readonly Pick<Bin, 'stopped'>[], height: number): Markup[] {
  const drawn: Markup[] = [];
  for (let i = 0; i < bins.length;) {
    const part = shade(bins[i]!.stopped);
    let end = i + 1;
    while (end < bins.length && shade(bins[end]!.stopped) === part) end++;
    if (part > 0)
      drawn.push(
        markup`<rect class="stopped" x="${i}" y="0" width="${end - i}" height="${height}" fill-opacity="${part}"/>`,
      );
    i = end;
  }
  return drawn;
}

/** Opacity of a stretch, in a few steps; any stop at all is visible. */
const shade = (stopped: number): number => (stopped <= 0 ? 0 : 0.06 + Math.round(stopped * 4) / 25);

const ROW_HEIGHT = 40;

/** Each sample as a stroke, each stop shaded, each tick a line. */
export function closeUp({ title, span, series, note }: CloseUp, hues: Hues): Markup {
  const times = ticksTo(span, 8).filter((tick) => tick <= span);
  return markup`<figure class="timeline moments">
<figcaption>${title}</figcaption>
<ul class="legend"><li><i class="swatch stroke"></i>sample</li><li><i class="swatch stopped"></i>stopped by throttling</li><li><i class="swatch tick"></i>tick</li></ul>
${series.map((each) => momentsRow(each, span, hues))}
<div class="track" aria-hidden="true"><span class="unit">ms</span><svg height="18">${times.map((time, i) => markup`<text x="${percent(time / span)}" y="13" class="${edge(i, time / span)}">${axisText(time)}</text>`)}</svg></div>
${note !== undefined && markup`<p class="note">${note}</p>`}
</figure>
`;
}

function momentsRow({ subject, summary, tick, samples, stops }: Moments, span: number, hues: Hues): Markup {
  // Microseconds need few digits.
  const at = (ms: number): number => Math.round(1000 * ms);
  const strokes = samples.map((ms) => `M${at(ms)} 8V${ROW_HEIGHT}`).join('');
  const ticks = Array.from({ length: Math.floor(span / tick) + 1 }, (_, i) => `M${at(i * tick)} 0V${ROW_HEIGHT}`).join(
    '',
  );
  const shades = stops.map(
    ([from, to]) =>
      markup`<rect class="stopped" x="${at(from)}" y="8" width="${at(to) - at(from)}" height="${ROW_HEIGHT - 8}" fill-opacity="0.18"/>`,
  );
  return markup`<section class="panel"><h4><i class="swatch ${hues.of(subject)}"></i>${subject.label} <small>${summary}</small></h4>
<div class="track"><span></span><svg height="${ROW_HEIGHT}" role="img" aria-label="${`Samples of ${subject.label} by tick: ${summary}`}"><svg width="100%" height="100%" viewBox="0 0 ${at(span)} ${ROW_HEIGHT}" preserveAspectRatio="none">${shades}<path class="ticks" d="${ticks}"/><path class="line ${hues.of(subject)}" d="${strokes}"/></svg></svg></div></section>
`;
}

/** Texts at the ends of an axis stay within it. */
export const edge = (i: number, part: number): string => (i === 0 ? 'first' : part > 0.96 ? 'last' : '');
