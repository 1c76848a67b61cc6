/** All designs. A new one is a file and a line here. */
import type { VpmuDesign } from '../vpmu.ts';
import { legacy } from './legacy.ts';
import { mediated } from './mediated.ts';
import { none } from './none.ts';
import { reuseLazy } from './reuse-lazy.ts';
import { v2 } from './v2.ts';

export const DESIGNS: readonly VpmuDesign[] = [none, legacy, v2, reuseLazy, mediated];
