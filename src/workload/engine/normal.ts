/**
 * Standard normal deviates by the ziggurat. Part of the seed contract (seed-contract.ts).
 *
 * Source: G. Marsaglia, W. W. Tsang, "The ziggurat method for generating random variables", J. Stat. Software 5(8), 2000.
 * Not modelled: deviates finer than 23 bits within a layer.
 */
import { exp, log } from './math.ts';
import { doubles } from './memory.ts';
import { next32, next53 } from './random.ts';

/** Layers; where the lowest layer's tail begins, and the area of every layer, for exp(-x^2 / 2). */
const LAYERS = 256;
const TAIL: f64 = 3.6541528853610088;
const AREA: f64 = 0.00492867323399;
/** Width of a layer over 2^23, and the share of it that lies under the curve wholly, times 2^23. */
const layerWidth = doubles(LAYERS);
const layerInside = doubles(LAYERS);
/** Right edges of the layers, and the density there. */
const edge = doubles(LAYERS + 1);
const density = doubles(LAYERS + 1);
{
  const SCALE: f64 = 8388608;
  edge[0] = AREA / exp(-0.5 * TAIL * TAIL);
  edge[1] = TAIL;
  for (let i = 2; i < LAYERS; i++) {
    const x = edge[i - 1];
    edge[i] = sqrt(-2 * log(AREA / x + exp(-0.5 * x * x)));
  }
  for (let i = 0; i <= LAYERS; i++) density[i] = exp(-0.5 * edge[i] * edge[i]);
  for (let i = 0; i < LAYERS; i++) {
    layerWidth[i] = edge[i] / SCALE;
    layerInside[i] = (edge[i + 1] / edge[i]) * SCALE;
  }
}

/** 8 random bits choose a layer, one the sign, 23 the place in it. */
export function normal(): f64 {
  while (true) {
    const u = next32();
    const i = <i32>(u & 255);
    const sign: f64 = (u & 256) === 0 ? 1 : -1;
    const place = <f64>(u >> 9);
    const x = place * layerWidth[i];
    // Nearly always it lies under the curve.
    if (place < layerInside[i]) return sign * x;
    if (i === 0) {
      while (true) {
        const dx = -log(next53()) / TAIL;
        if (-2 * log(next53()) > dx * dx) return sign * (TAIL + dx);
      }
    }
    if (density[i] + next53() * (density[i + 1] - density[i]) < exp(-0.5 * x * x)) return sign * x;
  }
}
