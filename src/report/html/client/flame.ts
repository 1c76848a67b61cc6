// Flame graphs: press a frame to zoom it to the width of the graph, press it again or Escape to see everything; a
// search marks frames by name. On the keyboard, arrows go from frame to frame and Enter presses one. All graphs of a
// figure follow, so that the same frame can be seen in each.

/** Narrowest box in pixels that shows its name, and width of a letter. */
const LEAST = 28;
const LETTER = 7.1;
/** Pixels of callers that stay visible below a frame. */
const BELOW = 57;

interface Box {
  readonly element: SVGSVGElement;
  /** Number of the frame, the same in every graph of a figure, and of its caller. */
  readonly id: string;
  readonly up: string;
  readonly label: SVGTextElement;
  readonly text: string;
  readonly x: number;
  readonly width: number;
}

const boxOf = (element: SVGSVGElement): Box => {
  const label = element.querySelector('text')!;
  return {
    element,
    id: element.dataset['id']!,
    up: element.dataset['up']!,
    label,
    text: label.textContent ?? '',
    x: Number.parseFloat(element.getAttribute('x')!),
    width: Number.parseFloat(element.getAttribute('width')!),
  };
};

/** Where an arrow key leads: to the frame's first callee, its caller, or the next frame of its level. */
const neighbour = (boxes: readonly Box[], at: number, key: string): Box | undefined => {
  const from = boxes[at];
  const level = (box: Box): boolean => box.element.getAttribute('y') === from?.element.getAttribute('y');
  if (key === 'ArrowUp') return boxes.find((box) => box.up === from?.id);
  if (key === 'ArrowDown') return boxes.find((box) => box.id === from?.up);
  if (key === 'ArrowRight') return boxes.slice(at + 1).find(level);
  if (key === 'ArrowLeft') return boxes.slice(0, at).findLast(level);
  return undefined;
};

for (const figure of document.querySelectorAll('.flames')) {
  const told = figure.querySelector('.told')!;
  const graphs = [...figure.querySelectorAll<SVGSVGElement>('.graph')].map((element) => ({
    element,
    boxes: [...element.querySelectorAll<SVGSVGElement>('.frame')].map(boxOf),
  }));
  const callers = new Map(graphs.flatMap(({ boxes }) => boxes.map(({ id, up }) => [id, up] as const)));
  const isBelow = (id: string, frame: string): boolean => {
    for (let up = callers.get(frame); up !== undefined; up = callers.get(up)) if (up === id) return true;
    return false;
  };
  let zoomed: string | undefined;

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

  const zoom = (id: string | undefined): void => {
    zoomed = id;
    for (const graph of graphs) {
      const to = graph.boxes.find((box) => box.id === id);
      const [from, width] = to ? [to.x, to.width] : [0, 100];
      for (const { element, id: own, x, width: w } of graph.boxes) {
        const below = to !== undefined && isBelow(own, to.id);
        const inside = to === undefined || own === to.id || isBelow(to.id, own);
        element.setAttribute('visibility', below || inside ? 'visible' : 'hidden');
        element.setAttribute('x', below ? '0%' : `${((x - from) * 100) / width}%`);
        element.setAttribute('width', below ? '100%' : `${(w * 100) / width}%`);
      }
      cut(graph);
      // A tall graph is scrolled upwards from its root, by negative numbers.
      const height = graph.element.clientHeight;
      graph.element.parentElement!.scrollTop = to
        ? Math.min(0, BELOW - height + Number(to.element.getAttribute('y')))
        : 0;
    }
  };
  const press = (id: string | undefined): void => {
    zoom(id === zoomed ? undefined : id);
    tell(id);
  };

  const tell = (id: string | undefined): void => {
    const lines: string[] = [];
    for (const { boxes } of graphs)
      for (const box of boxes) {
        const here = box.id === id;
        box.element.classList.toggle('here', here);
        if (here) lines.push(box.element.querySelector('title')?.textContent ?? '');
      }
    told.textContent = [...new Set(lines)].join(' · ');
  };

  const frameAt = (event: Event): string | undefined =>
    (event.target as Element).closest<SVGSVGElement>('.frame')?.dataset['id'];

  for (const { element, boxes } of graphs) {
    element.addEventListener('click', (event) => {
      press(frameAt(event));
    });
    element.addEventListener('pointerover', (event) => tell(frameAt(event)));
    element.addEventListener('pointerleave', () => tell(undefined));
    element.setAttribute('tabindex', '0');
    element.addEventListener('keydown', (event) => {
      const at = Math.max(
        0,
        boxes.findIndex((box) => box.element.classList.contains('here')),
      );
      const next = neighbour(boxes, at, event.key);
      if (next) tell(next.id);
      else if (event.key === 'Enter') press(boxes[at]?.id);
      else return;
      event.preventDefault();
    });
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
      for (const { element, text } of boxes) {
        const hit = wanted !== '' && text.toLowerCase().includes(wanted);
        element.classList.toggle('found', hit);
        if (hit) found++;
      }
    figure.classList.toggle('searching', wanted !== '');
    count.textContent = wanted === '' ? '' : `${found} ${found === 1 ? 'frame' : 'frames'}`;
  });
  const all = (): void => {
    zoom(undefined);
    tell(undefined);
  };
  reset.addEventListener('click', all);
  figure.addEventListener('keydown', (event) => {
    if ((event as KeyboardEvent).key === 'Escape') all();
  });
  const size = new ResizeObserver(() => graphs.forEach(cut));
  size.observe(figure);
}
