/** All designs. A new one is a file and a line here. */
import type { VpmuDesign } from '../vpmu.ts';
import { legacy } from './legacy.ts';
import { mediated } from './mediated.ts';
import { none } from './none.ts';
import { passthroughAll } from './passthrough-all.ts';
import { passthroughRfc } from './passthrough-rfc.ts';
import { reuseLazy } from './reuse-lazy.ts';
import { v1 } from './v1.ts';
import { v2 } from './v2.ts';

export const DESIGNS: readonly VpmuDesign[] = [
  none,
  legacy,
  v1,
  v2,
  reuseLazy,
  mediated,
  passthroughRfc,
  passthroughAll,
];
