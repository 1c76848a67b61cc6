/**
 * Version of the map from (program, seed) to execution. It changes with anything that moves a single draw: a mixing
 * constant or tag, the order of sites in a compiled image, the choice between drawing methods and its thresholds, the
 * size of a leaf chunk, a calibrated number in the sampler formulas. Results of different versions are different
 * experiments, so recordings carry it. The golden vectors in the tests hold it still.
 */
export const SEED_CONTRACT = 1;
