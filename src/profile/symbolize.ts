/**
 * Symbols of a recording's dsos from where perf looks for them (perfdata/symbol-source.ts).
 *
 * A kernel may have moved between the recorded boot and the one whose kallsyms are available; the reference symbol in
 * the name of the kernel's mapping tells by how much, as in kallsyms__delta().
 * Not modelled: files of kernel modules.
 */
import { KERNEL_KALLSYMS } from '../perfdata/buildid-cache.ts';
import { type LoadedSymbols, loadElfSymbols, loadKernelSymbols, type SymbolPlaces } from '../perfdata/symbol-source.ts';
import type { Dso, DsoSymbols, Sym, SymbolSource } from './dso.ts';
import { moveAddress } from '../units.ts';

/**
 * The symbols of dsos as found on this machine. Unreadable files count as absent. `taken` is called if the running
 * kernel was assumed for one without a build-id.
 */
export const fileSymbols =
  (places: SymbolPlaces, taken?: () => void): SymbolSource =>
  (dso) => {
    if (!dso.kernel) return loadElfSymbols(dso.name, dso.buildId, places);
    if (dso.name !== KERNEL_KALLSYMS) return undefined;
    const loaded = loadKernelSymbols(dso.buildId, places);
    if (loaded && dso.buildId === undefined && places.kallsyms === undefined) taken?.();
    return loaded && asRecorded(loaded, dso);
  };

/** The kernel's symbols at their recorded addresses; perf gives their origin as kallsyms wherever the file is. */
function asRecorded(loaded: LoadedSymbols, { reference }: Dso): DsoSymbols {
  const now = reference && loaded.named?.(reference.name);
  const delta = now ? Number(moveAddress(now.start, 0, reference.address)) : 0;
  const kallsyms = { ...loaded, origin: 'k' };
  if (delta === 0) return kallsyms;
  const moved = new Map<Sym, Sym>();
  const move = (symbol: Sym): Sym => {
    const known = moved.get(symbol) ?? { ...symbol, start: symbol.start - delta, end: symbol.end - delta };
    moved.set(symbol, known);
    return known;
  };
  return {
    ...kallsyms,
    ...(loaded.range && { range: { start: loaded.range.start - delta, end: loaded.range.end - delta } }),
    find(at) {
      const symbol = loaded.find(at + delta);
      return symbol && move(symbol);
    },
  };
}
