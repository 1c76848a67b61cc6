/**
 * Flame graphs: a box for each frame, as wide as its share, with its callees above it. The layout is that of B.
 * Gregg's flame graphs (ACM Queue 14, 2016); children keep the given order.
 *
 * Each box is a small drawing with a position and width in percent, so that names are cut at its edge and zooming only
 * sets two attributes. Boxes too narrow to see are left out and counted.
 */
import { percent } from './charts.ts';
import { type Markup, markup } from './markup.ts';
import type { Flame, Flames, Frame } from './model.ts';
import type { Hues } from './palette.ts';

/** Signs of a function that has gained, or lost, in a differential graph. */
const MORE = '▲';
const LESS = '▼';

const LINE = 19;
/** Narrowest box drawn, as a fraction of the width: about half a pixel on a wide screen. */
export const NARROWEST = 0.0005;
/** From this many levels on a graph may have to be scrolled; it opens at its root. */
const TALL = 30;
/** Shades of one colour, so that neighbours differ. */
const SHADES = 4;

interface Box {
  readonly frame: Frame;
  /** Numbers of its path, and of its caller's. */
  readonly id: number;
  readonly up: number;
  readonly x: number;
  readonly depth: number;
}

interface Layout {
  readonly boxes: readonly Box[];
  readonly depth: number;
  /** Number of frames left out. */
  readonly narrow: number;
}

/** Numbers for paths: the same frame under the same callers has the same number in every graph. */
export class Paths {
  readonly #ids = new Map<string, number>();

  of(up: number, name: string): number {
    const key = `${up} ${name}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.#ids.size);
    return this.#ids.size - 1;
  }
}

/** The root's caller. */
const NOBODY = -1;

/** Computes the positions of all frames. */
export function layOut(root: Frame, paths: Paths): Layout {
  const boxes: Box[] = [];
  let [depth, narrow] = [0, 0];
  const count = (frame: Frame): number => 1 + frame.children.reduce((sum, child) => sum + count(child), 0);
  const place = (frame: Frame, up: number, x: number, level: number): void => {
    if (frame.share < NARROWEST) {
      narrow += count(frame);
      return;
    }
    const id = paths.of(up, frame.name);
    boxes.push({ frame, id, up, x, depth: level });
    depth = Math.max(depth, level);
    let left = x;
    for (const child of frame.children) {
      place(child, id, left, level + 1);
      left += child.share;
    }
  };
  place(root, NOBODY, 0, 0);
  return { boxes, depth, narrow };
}

/** A name's shade, the same everywhere. */
function shadeOf(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) h = (Math.imul(h, 31) + name.charCodeAt(i)) | 0;
  return ((h % SHADES) + SHADES) % SHADES;
}

/** Graphs that are searched and zoomed together. */
export function flameGraphs({ title, graphs, note }: Flames, hues: Hues): Markup {
  const paths = new Paths();
  return markup`<figure class="flames">
<figcaption>${title}</figcaption>
${graphs.some(({ differential }) => differential) && markup`<ul class="legend"><li><i class="swatch more"></i>${MORE} more</li><li><i class="swatch less"></i>${LESS} less</li></ul>`}
${graphs.map((graph) => flameGraph(graph, paths, hues))}
${note !== undefined && markup`<p class="note">${note}</p>`}
<p class="told" aria-live="polite"></p>
</figure>
`;
}

function flameGraph(graph: Flame, paths: Paths, hues: Hues): Markup {
  const { label, differential, root } = graph;
  const { boxes, depth, narrow } = layOut(root, paths);
  const height = (depth + 1) * LINE;
  const drawn = boxes.map(({ frame, id, up, x, depth: level }) => {
    const tone = frame.tone ?? 0;
    const look = differential
      ? markup`class="${tone > 0 ? 'more' : tone < 0 ? 'less' : 'even'}" fill-opacity="${tone === 0 ? 0.12 : Number((0.15 + 0.6 * Math.min(1, Math.abs(tone))).toFixed(2))}"`
      : markup`class="${hues.of(graph)}" fill-opacity="${Number((0.26 + 0.09 * shadeOf(frame.name)).toFixed(2))}"`;
    const sign = differential && tone !== 0 ? `${tone > 0 ? MORE : LESS} ` : '';
    return markup`<svg class="frame" x="${percent(x)}" y="${height - (level + 1) * LINE}" width="${percent(frame.share)}" height="${LINE - 1}" data-id="${id}" data-up="${up}"><title>${frame.name}: ${frame.detail}</title><rect ${look} width="100%" height="100%"/><text x="4" y="13">${sign}${frame.name}</text></svg>
`;
  });
  return markup`<section class="flame"><h4>${!differential && markup`<i class="swatch ${hues.of(graph)}"></i>`}${label} <small>${root.detail}</small></h4>
<div class="stack"${depth >= TALL && markup` tabindex="0"`}><svg class="graph" height="${height}" role="img" aria-label="${`${differential ? 'Differential flame graph' : 'Flame graph'} of ${label}: ${root.detail}`}">
${drawn}</svg></div>${narrow > 0 && markup`<p class="note">${narrow} ${narrow === 1 ? 'frame' : 'frames'} narrower than ${percent(NARROWEST).replace('%', ' %')} ${narrow === 1 ? 'is' : 'are'} not drawn.</p>`}</section>
`;
}
