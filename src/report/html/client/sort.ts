// Columns that sort when their heading is pressed: numbers falling first, texts rising first, then the other way, then as
// they came. Equal rows keep the order they came in.
type Direction = 'ascending' | 'descending';

/** What a cell sorts by. */
const valueOf = (row: HTMLTableRowElement, column: number): number | string => {
  const cell = row.cells[column];
  const value = cell?.dataset['value'];
  return value === undefined ? (cell?.textContent ?? '') : Number(value);
};

const compare = (a: number | string, b: number | string): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  // A cell without a number stands behind all that have one.
  if (typeof a !== typeof b) return typeof a === 'number' ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
};

for (const table of document.querySelectorAll('table')) {
  const body = table.tBodies[0];
  const headings = [...(table.tHead?.rows[table.tHead.rows.length - 1]?.cells ?? [])];
  if (!body) continue;
  const original = [...body.rows];
  headings.forEach((heading, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...heading.childNodes);
    heading.append(button);
    const first: Direction = heading.classList.contains('number') ? 'descending' : 'ascending';
    const second: Direction = first === 'descending' ? 'ascending' : 'descending';
    button.addEventListener('click', () => {
      const now = heading.getAttribute('aria-sort');
      const next = now === null ? first : now === first ? second : undefined;
      for (const each of headings) each.removeAttribute('aria-sort');
      if (next === undefined) {
        body.append(...original);
        return;
      }
      heading.setAttribute('aria-sort', next);
      const sign = next === 'ascending' ? 1 : -1;
      const keyed = original.map((row) => ({ row, value: valueOf(row, column) }));
      keyed.sort((a, b) => sign * compare(a.value, b.value));
      body.append(...keyed.map(({ row }) => row));
    });
  });
}
