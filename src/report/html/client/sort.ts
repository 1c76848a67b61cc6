// Sorts a column when its heading is pressed: first numbers falling and texts rising, then the other way, then the
// original order. Equal rows keep their order.
type Direction = 'ascending' | 'descending';

/** A cell's value for sorting. */
const valueOf = (row: HTMLTableRowElement, column: number): number | string => {
  const cell = row.cells[column];
  const value = cell?.dataset['value'];
  return value === undefined ? (cell?.textContent ?? '') : Number(value);
};

const compare = (a: number | string, b: number | string): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  // Cells without a number come last.
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
