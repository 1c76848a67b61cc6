/**
 * The operands of a comparison: recordings by gperf or real perf, and texts printed by perf report or stackcollapse.
 * Their content tells them apart, and all are read as profiles.
 *
 * Not modelled: pprof, callgrind and CTF files.
 */
import { PerfDataFormatError } from '../perfdata/errors.ts';
import { Input } from '../perfdata/input.ts';
import { decodeBytes } from '../perfdata/octets.ts';
import { openPerfData, type Session } from '../perfdata/reader.ts';
import { readProfiles } from '../profile/build.ts';
import type { SymbolSource } from '../profile/dso.ts';
import { FoldedParser } from '../profile/folded.ts';
import {
  type Granularity,
  parseProfileKey,
  type Profile,
  profileKey,
  totalWeight,
  NOT_SHOWN,
} from '../profile/profile.ts';
import { ReportTextParser } from '../profile/report-text.ts';
import { TextError } from '../profile/text-error.ts';
import { PERF_SAMPLE } from '../uapi/perf-event.ts';
import { describedBy } from './spec-text.ts';

export interface OperandOptions {
  /** Its name beside the others. */
  readonly label: string;
  readonly by: Granularity;
  readonly symbols: SymbolSource;
  /** Whether weight by call stack is wanted. */
  readonly stacks?: boolean;
}

export interface Operand {
  /** Bytes to read; Infinity for a pipe. */
  readonly size: number;
  /** The recording, if it is one: its events, and what gperf stored about how it was made. */
  readonly session?: Pick<Session, 'path' | 'evlist' | 'env' | 'spec' | 'warnings' | 'holdings'>;
  /**
   * Reads everything; now and then yields how many bytes were read so far. Returns one profile for each event or table
   * that has samples. Throws TextError, PerfDataFormatError, PerfDataIoError.
   */
  read(): Generator<number, Profile[]>;
  /** After reading a damaged recording: what stopped it. The profiles cover what came before. */
  readonly fault?: PerfDataFormatError | undefined;
  close(): void;
}

const MAGICS: ReadonlySet<string> = new Set(['PERFILE2', '2ELIFREP', 'PERFFILE']);
const MAGIC_SIZE = 8;

/** Opens a file or a pipe ("-"). Throws PerfDataIoError, PerfDataFormatError. */
export function openOperand(path: string, options: OperandOptions): Operand {
  const input = new Input(path);
  try {
    const magic = Buffer.from(input.peek(MAGIC_SIZE)).toString('latin1');
    return magic === '' || MAGICS.has(magic) ? recording(input, options) : text(input, options);
  } catch (error) {
    input.close();
    throw error;
  }
}

function recording(input: Input, { label, by, symbols, stacks = false }: OperandOptions): Operand {
  const session = openPerfData(input);
  const made = session.spec === undefined ? undefined : describedBy(session.spec);
  let fault: PerfDataFormatError | undefined;
  const stopped = (error: unknown): void => {
    if (!(error instanceof PerfDataFormatError)) throw error;
    fault = error;
  };
  return {
    size: session.size,
    session,
    get fault() {
      return fault;
    },
    close: () => session.close(),
    *read() {
      if (by === 'callchain' && !session.evlist.some(({ attr }) => attr.sample_type & PERF_SAMPLE.CALLCHAIN))
        throw new TextError(`${input.path} was recorded without call chains (record -g)`);
      const profiles = yield* readProfiles(session, symbols, { label, by, stacks, stopped, ...made });
      if (fault && !profiles.some(({ samples }) => samples)) throw fault;
      return withWeight(profiles, input.path);
    },
  };
}

function text(input: Input, { label, by, stacks }: OperandOptions): Operand {
  return {
    size: input.size,
    close: () => input.close(),
    *read() {
      const report = new ReportTextParser(input.path);
      const folded = new FoldedParser(by, stacks, input.path);
      let read = 0;
      for (const { line, bytes } of linesOf(input)) {
        report.feed(line);
        if (!report.found && !folded.foreign) folded.feed(decodeBytes(Buffer.from(line, 'latin1')));
        if (!report.found && folded.foreign && bytes > LONGEST_PREAMBLE) break;
        if (bytes > LONGEST_STREAM && input.size === Infinity)
          throw new TextError(
            `${input.path} has given ${LONGEST_STREAM / 2 ** 20} MB of text and goes on: if it has an end, put it into a file`,
          );
        if (bytes > read) yield (read = bytes);
      }
      if (report.found) {
        if (by !== 'symbol' && by !== 'dso')
          throw new TextError(`${input.path} is a table of functions: it cannot be compared by ${by}`);
        const profiles = report.profiles(label);
        return withWeight(by === 'dso' ? profiles.map((profile) => byFile(profile, input.path)) : profiles, input.path);
      }
      if (!folded.found)
        throw new TextError(
          `${input.path} is neither a recording (perf.data), nor what perf report --stdio prints, nor folded stacks`,
        );
      if (by !== 'symbol' && by !== 'callchain')
        throw new TextError(`${input.path} holds folded stacks: they cannot be compared by ${by}`);
      return withWeight([folded.profile(label)], input.path);
    },
  };
}

/**
 * Turns a table of functions into one of files; weight that it does not show stays a row of its own. Throws TextError.
 */
function byFile(profile: Profile, path: string): Profile {
  const rows = [...profile.weights].map(([key, weight]) => ({ place: parseProfileKey(key), weight }));
  if (!rows.some(({ place: { dso } }) => dso !== ''))
    throw new TextError(`${path} names no files: it cannot be compared by dso`);
  if (profile.printed?.whole === false && rows.some(({ place: { dso, symbol } }) => dso !== '' && symbol !== ''))
    throw new TextError(
      `${path} leaves out functions, so that it does not say how much is each file's: print 'perf report --stdio -s dso', or without --percent-limit`,
    );
  const weights = new Map<string, number>();
  for (const { place, weight } of rows) {
    const { comm, dso, symbol } = place;
    const key = profileKey({ comm, dso, symbol: symbol === NOT_SHOWN ? symbol : '' });
    weights.set(key, (weights.get(key) ?? 0) + weight);
  }
  return { ...profile, weights };
}

/** Profiles that have weight to compare. */
function withWeight(profiles: readonly Profile[], path: string): Profile[] {
  const sampled = profiles.filter((profile) => profile.samples !== 0 && totalWeight(profile) > 0);
  if (sampled.length === 0) throw new TextError(`${path} has no samples`);
  if (!sampled.every((profile) => totalWeight(profile) < Infinity))
    throw new TextError(`${path} has weights that are too large to be added up`);
  return sampled;
}

const CHUNK = 1 << 16;
/** Longest line: no name is that long, so the file is not text. */
const LONGEST_LINE = 1 << 24;
/** Every text has its first row before this. */
const LONGEST_PREAMBLE = 1 << 22;
/** Nothing else tells that a pipe or a device is endless (yes). */
const LONGEST_STREAM = 1 << 26;

/** Lines of a text, one character per byte, with the number of bytes read when each is complete. */
function* linesOf(input: Input): Generator<{ line: string; bytes: number }> {
  const chunk = Buffer.alloc(CHUNK);
  let rest: string[] = [];
  let [waiting, bytes, position, count] = [0, 0, 0, 1];
  for (;;) {
    const got = input.readInto(chunk, input.seekable ? position : undefined);
    position += got;
    bytes += got;
    const lines = chunk.toString('latin1', 0, got).split('\n');
    for (const [i, part] of lines.entries()) {
      if (i > 0) {
        yield { line: rest.join('').replace(/\r$/, ''), bytes };
        rest = [];
        waiting = 0;
        count++;
      }
      rest.push(part);
      waiting += part.length;
    }
    if (waiting > LONGEST_LINE) throw new TextError(`${input.path}:${count} is longer than any line that perf prints`);
    if (got > 0) continue;
    const line = rest.join('');
    if (line !== '') yield { line, bytes };
    return;
  }
}
