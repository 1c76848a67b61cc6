/**
 * Why a simulation failed: perf's words for an event that perf_event_open refused (evsel__open_strerror), live-lock,
 * deadlock.
 */
import { PoolError } from '../experiment/pool.ts';
import { LiveLock, OpenError, ProgramError } from '../experiment/run.ts';
import { SetUpError } from '../experiment/setup.ts';
import { PERF_SAMPLE } from '../uapi/perf-event.ts';
import { EXIT, InputError, foreignPlace } from './errors.ts';

const EACCES = 13;
const EINVAL = 22;
const EOPNOTSUPP = 95;
const ENOENT = 2;
/** strerror() of the other errors that perf_event_open returns here. */
const ERRNO_WORDS: Readonly<Record<number, string>> = {
  3: 'No such process',
  6: 'No such device or address',
  16: 'Device or resource busy',
  [EINVAL]: 'Invalid argument',
  [EOPNOTSUPP]: 'Operation not supported',
};

/**
 * An error that the user can mend, as an InputError; any other unchanged. `systemWide`: perf watched CPUs (-a, -C);
 * `signalled`: the exit code if a signal had asked for the end.
 */
export function simulationFailure(error: unknown, systemWide = false, signalled?: number): unknown {
  if (error instanceof OpenError) return new InputError(openFailure(error, systemWide));
  if (error instanceof LiveLock || error instanceof ProgramError)
    return new InputError(error.message, signalled ?? EXIT.LIVE_LOCK);
  // A thread fails by an error of somebody else's code.
  if (error instanceof PoolError && foreignPlace(error.cause) !== undefined) return error.cause;
  if (error instanceof PoolError || error instanceof SetUpError) return new InputError(error.message, signalled);
  return error;
}

function openFailure({ evsel, errno }: OpenError, systemWide: boolean): string {
  const { name, attr } = evsel;
  if (errno === EACCES)
    return (
      'Error:\nAccess to performance monitoring and observability operations is limited.\n' +
      `The simulated kernel's perf_event_paranoid setting does not allow ${name}: use --set host.paranoid=-1 (guest.paranoid in a guest), or ${name}:u.`
    );
  if (errno === EOPNOTSUPP && (attr.precise_ip ?? 0) > 0)
    return `Error:\n${name}: PMU Hardware doesn't support sampling at precise level ${attr.precise_ip}; gperf does not model PEBS. Try without 'p'.`;
  if (errno === EOPNOTSUPP && attr.sample_period !== 0)
    return `Error:\n${name}: PMU Hardware doesn't support sampling/overflow-interrupts. Try 'gperf stat'`;
  if (errno === ENOENT) return `Error:\nThe ${name} event is not supported.`;
  const words = ERRNO_WORDS[errno] === undefined ? '' : ` (${ERRNO_WORDS[errno]})`;
  if (errno === EINVAL && !systemWide)
    return `Error:\nInvalid event (${name}) in per-thread mode, enable system wide with '-a'.\n${whyInvalid(evsel)}`;
  const why = errno === EINVAL ? `\n${whyInvalid(evsel)}` : '';
  return `Error:\nThe sys_perf_event_open() syscall returned with ${errno}${words} for event (${name}).${why}`;
}

/** What perf leaves to guess: why EINVAL. */
const whyInvalid = ({ attr: { inherit, sample_type } }: OpenError['evsel']): string =>
  inherit === true && (sample_type & PERF_SAMPLE.READ) !== 0
    ? 'Linux before 6.13 cannot tell in samples what a workload with its threads has counted (:S): use -i, or a group.'
    : 'There are too few counters for its group, or its options do not go together.';
