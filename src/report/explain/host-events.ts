/** The text of `gperf explain hooks` and `gperf explain pinned`. */
import type { HooksView, EventReading, SharingView } from '../../results/host-events.ts';
import { gridLines, whole, type GridRow } from '../shared/grid.ts';

const ms = (ns: number): string => (ns / 1e6).toFixed(1);
const percent = (part: number, of: number): string => (of === 0 ? '-' : `${((100 * part) / of).toFixed(2)}%`);
const readingCells = ({ count, enabled, running }: EventReading): string[] => [whole(count), ms(enabled), ms(running)];

/** A row for each phase of each design. */
export function* hooksLines(event: string, views: readonly HooksView[]): Generator<string> {
  yield "# What the host's perf shows of a guest's counter. No file or buffer has KVM's event: only the host's kernel can";
  yield '# read it (perf_event_read_local), as of here, and compare it with what perf in the guest reads.';
  const rows: GridRow[] = views.flatMap(({ vpmu, lacks, phases }): GridRow[] => {
    if (lacks !== undefined) return [{ cells: [`${vpmu}: ${lacks}`], heading: true }];
    return phases.map(({ on, guest, host }, i) => ({
      cells: [
        i === 0 ? vpmu : '',
        on ? 'on' : 'off',
        ...readingCells(guest).filter((_, cell) => cell !== 1),
        ...(host === undefined ? ['-', '-', '-', 'no event'] : [...readingCells(host), host.state]),
        host === undefined ? '-' : percent(host.count, guest.count),
      ],
    }));
  });
  yield* gridLines({
    title: `Event: ${event}, which the guest has on, off and on again for 10 ms each; times in ms.`,
    columns: ['vpmu', 'is', 'guest', 'running', 'host', 'enabled', 'running', 'state', 'shown'],
    left: [1, 7],
    rows,
  });
}

/** A table for each way of sharing. */
export function* sharingLines(views: readonly SharingView[]): Generator<string> {
  yield "# A guest that uses all its counters at once, beside another user of the host's perf. The guest's perf knows only";
  yield '# its own times: what the host takes away is missing from a count, and nothing scales it.';
  for (const { vpmu, pinned, others, counters, own } of views) {
    yield* gridLines({
      title: `--vpmu ${vpmu}, kvm.pinned=${pinned ? 'on' : 'off'}${others === '' ? '' : `, ${others}`}`,
      columns: ['event', 'happened', 'guest reads', '', 'running', 'host event', 'running', 'state'],
      left: [5, 7],
      rows: counters.map(({ event, happened, guest, host }) => ({
        cells: [
          event,
          whole(happened),
          whole(guest.count),
          percent(guest.count, happened),
          percent(guest.running, guest.enabled),
          host === undefined ? 'none' : host.pinned ? 'pinned' : 'flexible',
          host === undefined ? '-' : percent(host.running, host.enabled),
          host?.state ?? '',
        ],
      })),
    });
    if (own !== undefined)
      yield `the host's own event is on a counter for ${percent(own.running, own.enabled)} of its time`;
    yield '';
  }
}
