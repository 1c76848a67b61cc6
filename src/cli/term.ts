/**
 * What the terminal is like: colours per stream, locale, and a progress bar that only a person sees.
 *
 * Colours: --color, then NO_COLOR (any value), FORCE_COLOR (not 0), then whether the stream is a terminal that is not
 * dumb. A bar is drawn on a stderr that is a terminal outside CI, and is gone when its work is done.
 */

import type { SingleBar } from 'cli-progress';

export type ColorChoice = 'auto' | 'always' | 'never';

/** A stream as far as it matters here: process.stdout, process.stderr or a test's. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Ends in silence or with what its reporter says. */
export interface Progress {
  /** How far the work is, 0 to 1, and a word about it. */
  update(fraction: number, note?: string): void;
  done(): void;
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';

export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
}

/** Whether to colour what goes to a stream. */
export function wantsColor(stream: Output, env: NodeJS.ProcessEnv, choice: ColorChoice = 'auto'): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (isSet(env['NO_COLOR'])) return false;
  if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Whether numbers of the locale have separators at the thousands, as perf's -B would print them. */
export function localeGroups(env: NodeJS.ProcessEnv): boolean {
  const locale = [env['LC_ALL'], env['LC_NUMERIC'], env['LANG']].find(isSet);
  return locale !== undefined && !/^(C|POSIX)(\.|$)/.test(locale);
}

/** A line on stderr for work whose end is not known: a label and a changing word. */
export async function spinner(
  terminal: Terminal,
  label: string,
): Promise<{ update(note: string): void; done(): void }> {
  const bar = await draw(terminal, `${label}: {note}`);
  return { update: (note) => bar?.update(0, { note }), done: () => bar?.stop() };
}

/** A bar on stderr for work that takes a while. */
export async function progress(terminal: Terminal, label: string): Promise<Progress> {
  const bar = await draw(terminal, `${label} [{bar}] {percentage}% {note}`);
  return { update: (fraction, note = '') => bar?.update(Math.min(1, fraction), { note }), done: () => bar?.stop() };
}

/** Starts a cli-progress line where a person sees it, and only there. */
async function draw({ stderr, env }: Terminal, format: string): Promise<SingleBar | undefined> {
  if (stderr.isTTY !== true || isSet(env['CI']) || env['TERM'] === 'dumb') return undefined;
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: 30,
    clearOnComplete: true,
    hideCursor: true,
    // cli-progress asks for more than it uses of a stream.
    stream: stderr,
  });
  bar.start(1, 0, { note: '' });
  return bar;
}
