/**
 * The terminal: colours per stream, locale, and a progress bar that only a person sees.
 *
 * Colours: --color, then NO_COLOR (any value), FORCE_COLOR (not 0), then whether the stream is a terminal that is not
 * dumb. A bar is drawn if stderr is a terminal outside CI, and disappears when the work is done.
 */

import type { SingleBar } from 'cli-progress';

export type ColorChoice = 'auto' | 'always' | 'never';

/** A stream, as far as needed here: process.stdout, process.stderr or a test's. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** A progress display; ends silently or with a closing line. */
export interface Progress {
  /** Updates how far the work is (0 to 1), with a short note. */
  update(fraction: number, note?: string): void;
  done(): void;
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';

export interface Terminal {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: NodeJS.ProcessEnv;
}

/** Whether to colour a stream's output. */
export function wantsColor(stream: Output, env: NodeJS.ProcessEnv, choice: ColorChoice = 'auto'): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (isSet(env['NO_COLOR'])) return false;
  if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** Whether the locale groups thousands, as perf's -B would print them. */
export function localeGroups(env: NodeJS.ProcessEnv): boolean {
  const locale = [env['LC_ALL'], env['LC_NUMERIC'], env['LANG']].find(isSet);
  return locale !== undefined && !/^(C|POSIX)(\.|$)/.test(locale);
}

/** A line on stderr for work of unknown length: a label and a changing word. */
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

/** Starts a cli-progress line, but only where a person sees it. */
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
    // cli-progress's types ask for more of a stream than it uses.
    stream: stderr,
  });
  bar.start(1, 0, { note: '' });
  return bar;
}
