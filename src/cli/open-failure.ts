/**
 * Why a simulation failed: perf's words for an event that perf_event_open refused (evsel__open_strerror), live-lock,
 * deadlock.
 */
import { PoolError } from '../experiment/pool.ts';
import { LiveLock, OpenError, ProgramError } from '../experiment/run.ts';
import { SetUpError } from '../experiment/setup.ts';
import { EXIT, InputError } from './errors.ts';

const EACCES = 13;
const EINVAL = 22;
const EOPNOTSUPP = 95;
const ENOENT = 2;
/** strerror() of the other errors that perf_event_open returns here. */
const ERRNO_WORDS: Readonly<Record<number, string>> = {
  6: 'No such device or address',
  16: 'Device or resource busy',
  [EINVAL]: 'Invalid argument',
  [EOPNOTSUPP]: 'Operation not supported',
};

/** An error that the user can mend, as an InputError; any other unchanged. */
export function simulationFailure(error: unknown): unknown {
  if (error instanceof OpenError) return new InputError(openFailure(error));
  if (error instanceof LiveLock || error instanceof ProgramError) return new InputError(error.message, EXIT.LIVE_LOCK);
  if (error instanceof PoolError || error instanceof SetUpError) return new InputError(error.message);
  return error;
}

function openFailure({ evsel, errno }: OpenError): string {
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
  const why = errno === EINVAL ? '\nThere are too few counters for its group, or its options do not go together.' : '';
  return `Error:\nThe sys_perf_event_open() syscall returned with ${errno}${words} for event (${name}).${why}`;
}
