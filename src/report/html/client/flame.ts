// Flame graphs: press a frame to see it as wide as the graph, press it again or Escape to see all; a search marks frames by
// their names. All graphs of a figure follow, so that the same frame can be seen in each.

/** Pixels below which a name is not worth its place, and of one of its letters. */
const LEAST = 28;
const LETTER = 7.1;

interface Box {
  readonly element: SVGSVGElement;
  readonly path: string;
  readonly name: string;
  readonly label: SVGTextElement;
  readonly text: string;
  readonly x: number;
  readonly width: number;
}

const boxOf = (element: SVGSVGElement): Box => {
  const label = element.querySelector('text')!;
  const path = element.dataset['path'] ?? '';
  return {
    element,
    path,
    name: path.slice(path.lastIndexOf(';') + 1),
    label,
    text: label.textContent ?? '',
    x: Number.parseFloat(element.getAttribute('x')!),
    width: Number.parseFloat(element.getAttribute('width')!),
  };
};

for (const figure of document.querySelectorAll('.flames')) {
  const told = figure.querySelector('.told')!;
  const graphs = [...figure.querySelectorAll<SVGSVGElement>('.graph')].map((element) => ({
    element,
    boxes: [...element.querySelectorAll<SVGSVGElement>('.frame')].map(boxOf),
  }));
  let zoomed = '';

  /** Cuts names to their boxes. */
  const cut = ({ element, boxes }: (typeof graphs)[number]): void => {
    const pixels = element.clientWidth;
    for (const box of boxes) {
      const wide = (Number.parseFloat(box.element.getAttribute('width')!) * pixels) / 100;
      box.element.classList.toggle('bare', wide < LEAST);
      const letters = Math.floor((wide - 6) / LETTER);
      box.label.textContent = box.text.length <= letters ? box.text : `${box.text.slice(0, Math.max(1, letters - 1))}…`;
    }
  };

  const zoom = (path: string): void => {
    zoomed = path;
    for (const graph of graphs) {
      const to = graph.boxes.find((box) => box.path === path);
      const [from, width] = to ? [to.x, to.width] : [0, 100];
      for (const { element, path: own, x, width: w } of graph.boxes) {
        const below = to !== undefined && to.path.startsWith(`${own};`);
        const outside = to !== undefined && !below && own !== to.path && !own.startsWith(`${to.path};`);
        element.setAttribute('visibility', outside ? 'hidden' : 'visible');
        element.setAttribute('x', below ? '0%' : `${((x - from) * 100) / width}%`);
        element.setAttribute('width', below ? '100%' : `${(w * 100) / width}%`);
      }
      cut(graph);
    }
  };

  const tell = (path: string): void => {
    const lines: string[] = [];
    for (const { boxes } of graphs)
      for (const box of boxes) {
        const here = path !== '' && box.path === path;
        box.element.classList.toggle('here', here);
        if (here) lines.push(box.element.querySelector('title')?.textContent ?? '');
      }
    told.textContent = [...new Set(lines)].join(' · ');
  };

  const frameAt = (event: Event): string | undefined =>
    (event.target as Element).closest<SVGSVGElement>('.frame')?.dataset['path'];

  for (const { element } of graphs) {
    element.addEventListener('click', (event) => {
      const path = frameAt(event);
      zoom(path === undefined || path === zoomed || !path.includes(';') ? '' : path);
      tell(path ?? '');
    });
    element.addEventListener('pointerover', (event) => tell(frameAt(event) ?? ''));
    element.addEventListener('pointerleave', () => tell(''));
  }

  const form = document.createElement('div');
  form.className = 'search';
  const input = document.createElement('input');
  input.type = 'search';
  input.placeholder = 'Search frames';
  input.setAttribute('aria-label', 'Search frames by name');
  const count = document.createElement('span');
  count.setAttribute('aria-live', 'polite');
  const reset = document.createElement('button');
  reset.type = 'button';
  reset.textContent = 'All frames';
  form.append(input, reset, count);
  figure.querySelector('figcaption')?.after(form);

  input.addEventListener('input', () => {
    const wanted = input.value.toLowerCase();
    let found = 0;
    for (const { boxes } of graphs)
      for (const { element, name } of boxes) {
        const hit = wanted !== '' && name.toLowerCase().includes(wanted);
        element.classList.toggle('found', hit);
        if (hit) found++;
      }
    figure.classList.toggle('searching', wanted !== '');
    count.textContent = wanted === '' ? '' : `${found} ${found === 1 ? 'frame' : 'frames'}`;
  });
  const all = (): void => {
    zoom('');
    tell('');
  };
  reset.addEventListener('click', all);
  figure.addEventListener('keydown', (event) => {
    if ((event as KeyboardEvent).key === 'Escape') all();
  });
  const size = new ResizeObserver(() => graphs.forEach(cut));
  size.observe(figure);
}
