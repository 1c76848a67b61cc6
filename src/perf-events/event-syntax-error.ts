/** The error for wrong event syntax, with perf's text and caret. */

/** A spec that perf would refuse. `index`: where its caret points; `hint`: an extra sentence of gperf's. */
export class EventSyntaxError extends Error {
  override readonly name = 'EventSyntaxError';
  readonly spec: string;
  readonly index: number;
  readonly reason: string;
  readonly validTerms: readonly string[] | undefined;
  readonly hint: string | undefined;

  constructor(
    spec: string,
    index: number,
    reason: string,
    more: { hint?: string | undefined; validTerms?: readonly string[] } = {},
  ) {
    super(`event syntax error: '${spec}': ${reason}`);
    this.spec = spec;
    this.index = index;
    this.reason = reason;
    this.validTerms = more.validTerms;
    this.hint = more.hint;
  }

  /** perf's text for a terminal of that width: the spec, cut to fit around the caret, the caret and the reason. */
  format(columns = 80): string {
    const prefix = "event syntax error: '";
    const room = columns - prefix.length - 1;
    const cut = this.index > CARET_MAX;
    let shown = cut ? `..${this.spec.slice(this.index - CARET_MAX + 2)}` : this.spec;
    if (shown.length > room) shown = `${shown.slice(0, room - 2)}..`;
    const caret = ' '.repeat(prefix.length + (cut ? CARET_MAX : this.index));
    const lines = [`${prefix}${shown}'`, `${caret}\\___ ${this.reason}`];
    if (this.validTerms !== undefined) lines.push('', `valid terms: ${this.validTerms.join(',')}`);
    if (this.hint !== undefined) lines.push(this.hint);
    return lines.join('\n');
  }
}
/** Columns of the spec that perf keeps left of the caret. */
const CARET_MAX = 13;
