/** Tables of a page: real ones, with headings that a script makes sortable, in a frame that scrolls on its own. */
import { type Markup, markup } from './markup.ts';
import type { Cell, Column, Table } from './model.ts';

/** Adjacent columns of one group. */
function groupsOf(columns: readonly Column[]): { readonly title: string; readonly span: number }[] {
  const groups: { title: string; span: number }[] = [];
  for (const { group = '' } of columns) {
    const last = groups.at(-1);
    if (last?.title === group) last.span++;
    else groups.push({ title: group, span: 1 });
  }
  return groups;
}

/** A column that begins a group is set off from the one before. */
const begins = (columns: readonly Column[], i: number): string =>
  i > 0 && columns[i]!.group !== undefined && columns[i]!.group !== columns[i - 1]!.group ? ' begins' : '';

const cell = ({ text, value, detail, strong }: Cell, columns: readonly Column[], i: number): Markup => {
  const { kind } = columns[i]!;
  const inner = markup`${kind === 'name' ? markup`<code>${text}</code>` : text}${detail !== undefined && markup` <small>${detail}</small>`}`;
  const shown = strong === true ? markup`<strong>${inner}</strong>` : inner;
  const sort = value === undefined ? '' : markup` data-value="${value}"`;
  return kind === 'name'
    ? markup`<th scope="row" class="name"${sort}>${shown}</th>`
    : markup`<td class="${kind}${begins(columns, i)}"${sort}>${shown}</td>`;
};

export function dataTable({ title, columns, rows, note }: Table): Markup {
  const groups = groupsOf(columns);
  return markup`<div class="table"><p class="caption" aria-hidden="true">${title}</p>
<div class="scroll" tabindex="0" role="region" aria-label="${title}"><table aria-label="${title}">
<thead>
${
  groups.some((group) => group.title !== '') &&
  markup`<tr class="groups">${groups.map((group) => (group.title === '' ? markup`<td colspan="${group.span}"></td>` : markup`<th colspan="${group.span}" scope="colgroup">${group.title}</th>`))}</tr>
`
}<tr>${columns.map(({ title: heading, kind, meaning }, i) => markup`<th scope="col" class="${kind}${begins(columns, i)}"${meaning !== undefined && markup` title="${meaning}"`}>${heading}</th>`)}</tr>
</thead>
<tbody>
${rows.map(
  (cells) => markup`<tr>${cells.map((each, i) => cell(each, columns, i))}</tr>
`,
)}</tbody>
</table></div>
${note !== undefined && markup`<p class="note">${note}</p>`}</div>
`;
}
