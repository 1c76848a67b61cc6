/**
 * Why a raw event cannot be counted here: its selector asks for something that gperf cannot tell, or that no PMU has.
 * Not modelled: nothing; this only says what is not.
 */
import { isKnown } from '../arch/events.ts';
import { EVENTSEL } from '../arch/perfevtsel.ts';
import { sharesCores } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';

/** IN_TX and IN_TXCP, which hsw_hw_config() passes on to the selector. */
const TSX = 3n << 32n;

/** A sentence without its end, or undefined: it can be counted. */
export function uncountable({ preset, values, ...spec }: MachineSpec, attr: PerfEventAttr): string | undefined {
  if (attr.type !== PERF_TYPE.RAW) return undefined;
  const config = BigInt(attr.config);
  if ((config & TSX) !== 0n) return 'gperf does not model the in_tx fields of an event';
  const eventsel = Number(config & 0xffff_ffffn);
  const rsp = Number(attr.config1 ?? 0);
  if (!isKnown(preset.events, eventsel, [rsp, rsp]))
    return 'gperf does not model in which cycles an event occurs, which decides with this edge, inv or cmask';
  if ((eventsel & EVENTSEL.ANY) === 0) return undefined;
  if (values['pmu.version'] >= 5) return `a PMU of version ${values['pmu.version']} has no AnyThread`;
  return sharesCores({ preset, values, ...spec })
    ? 'gperf does not model AnyThread where both hardware threads of a core are simulated'
    : undefined;
}
