/**
 * The shape of a workload file. parse.ts checks files against it; workloads/schema.json is generated from it, so that
 * editors can check and complete files.
 *
 * Loaded only when a file is parsed: importing zod costs more than running a small workload.
 * Not modelled: rules about the whole program (names, recursion, threads); check.ts has those.
 */
import { z } from 'zod';
import { EVENT_COLUMNS } from '../arch/events.ts';
import { MOST_ADDRESS, MOST_AT_ONCE, MOST_CHARACTERS, MOST_INSTRUCTIONS, MOST_PERIOD } from './limits.ts';
import { OPS, WORDS } from './program.ts';

// A schema is used only a few times: compiling validators would cost more than it saves.
z.config({ jitless: true });

const probability = z.number().min(0).max(1);
const cycles = z
  .number()
  .min(0)
  .max(MOST_AT_ONCE)
  .describe('Cycles of one execution: a multiple of 1/64.')
  .meta({ id: 'cycles' });
const mispredict = probability.describe('Share of executions that are mispredicted.');
const count = z.number().int().min(1).max(MOST_INSTRUCTIONS);
const name = z.string().max(MOST_CHARACTERS);
const quantity = z
  .union([z.number(), z.string()])
  .describe('A number, or a text with ${...} expressions over the parameters and ${libc}.');

const bytes = quantity.describe('How many bytes. Default: 1.');
const times = quantity.describe('How many. Default: 1.');

const missRates = {
  l1: probability.optional().describe('Share of accesses that miss L1.'),
  l2: probability.optional().describe('Share of L1 misses that miss L2.'),
  llc: probability.optional().describe('Share of L2 misses that miss the last-level cache.'),
  tlb: probability.optional().describe('Share of accesses whose translation needs a page walk.'),
};
const rates = z.strictObject(missRates).meta({ id: 'rates' });
const fetchRates = z.strictObject({
  ...missRates,
  stlb: probability.optional().describe('Share of entries that miss the first-level iTLB but hit the second.'),
});

const events = z
  .strictObject(
    Object.fromEntries(EVENT_COLUMNS.map((column) => [column, z.number().min(0).max(MOST_AT_ONCE).optional()])),
  )
  .describe('Events of each execution beyond those of the instruction itself.')
  .meta({ id: 'events' });
const site = z.strictObject({ p: probability, events }).meta({ id: 'site' });

const instructionOptions = {
  cycles: cycles.optional(),
  misses: z
    .union([z.string(), rates])
    .optional()
    .describe('Rates of data misses, or the name of a profile of `misses`.'),
  events: events.optional(),
  sites: z.array(site).optional().describe('What else happens on a share of executions.'),
};

/** The kinds of item in a body, by the key that names each. `item` is the schema of nested items. */
const heads = (item: z.ZodType) => {
  const body = z.array(item);
  const instructions = Object.fromEntries(
    OPS.map((op) => [
      op,
      z.strictObject({ [op]: count.describe(`So many ${op} instructions.`), ...instructionOptions }),
    ]),
  );
  return {
    ...instructions,
    loop: z.strictObject({
      loop: quantity.describe('Iterations.'),
      body,
      mispredict: mispredict.optional(),
      cycles: cycles.optional(),
    }),
    branch: z.strictObject({
      branch: z
        .union([probability, z.strictObject({ every: z.number().int().min(1).max(MOST_PERIOD) })])
        .describe('Probability of the `then` part, or {every: N} for exactly each N-th time.'),
      // oxlint-disable-next-line no-thenable -- a key of the file, not a promise
      then: body,
      else: body.optional(),
      mispredict: mispredict.optional(),
      cycles: cycles.optional(),
    }),
    call: z.strictObject({
      call: z.string().describe('A function.'),
      weak: z.boolean().optional().describe('Nothing at all if no file defines the function.'),
      cycles: cycles.optional(),
    }),
    jump: z.strictObject({
      jump: z.string().describe('A function that is continued in; ends this one.'),
      cycles: cycles.optional(),
      mispredict: mispredict.optional(),
    }),
    syscall: z.strictObject({
      syscall: z.string().describe('A system call. exit_group ends the program.'),
      args: z.record(z.string(), quantity).optional().describe('What the simulated kernel is told, e.g. {ns: 1000}.'),
      cycles: cycles.optional(),
    }),
    fault: z.strictObject({
      fault: z.enum(['read', 'write']).describe('An access that page-faults.'),
      cycles: cycles.optional(),
    }),
    seq: z.strictObject({ seq: body.describe('Items in a row: for YAML anchors.') }),
    lock: z.strictObject({ lock: z.string().describe('A mutex that is waited for and then held.') }),
    unlock: z.strictObject({ unlock: z.string().describe('A mutex that is held.') }),
    wait: z.strictObject({ wait: z.string().describe('A barrier that is waited at.') }),
    post: z.strictObject({ post: z.string().describe('A semaphore that is raised by one.') }),
    take: z.strictObject({ take: z.string().describe('A semaphore that is waited for and then lowered by one.') }),
    read: z.strictObject({
      read: z.string().describe('A pipe that is read: what there is, at least a byte.'),
      bytes: bytes.optional(),
    }),
    write: z.strictObject({ write: z.string().describe('A pipe that is written to.'), bytes: bytes.optional() }),
    spawn: z.strictObject({
      spawn: z.string().describe('The function of a new thread, which ends when that returns.'),
      times: times.optional(),
      cpu: quantity.describe('Number of the CPU on which it stays; without it, the scheduler moves it.').optional(),
    }),
    fork: z.strictObject({
      fork: z.string().describe('The function of a new process, which exits when that returns.'),
      times: times.optional(),
    }),
    sleep: z.strictObject({ sleep: quantity.describe('Nanoseconds.') }),
    act: z.strictObject({
      act: z
        .string()
        .describe('For libraries. Where a `lock`, a `spawn` ... happens: `atomic`, or a system call by its name.'),
      cycles: cycles.optional(),
    }),
    child: z.strictObject({
      child: body.describe('For libraries. What a new thread or process executes, in place of what follows.'),
    }),
  } satisfies Record<string, z.ZodType>;
};

const head = (item: z.ZodType): z.ZodType =>
  z.union([
    z.enum(OPS).describe('One instruction.'),
    z
      .enum(WORDS)
      .describe(
        'join: waits for all threads that this one spawned. wait: for all processes that it forked. exit: ends the thread. ' +
          'start: for libraries; in a child, calls the function that it was made for.',
      ),
    ...Object.values(heads(item)),
  ]);
/** An item with its nested items. */
const item: z.ZodType = z.lazy(() => head(item)).meta({ id: 'item' });

const functionSpec = (body: z.ZodType) =>
  z.strictObject({
    dso: z.string().optional().describe('A key of `dsos`; the program itself if absent.'),
    symbol: name.optional().describe('Name in the symbol table, if another DSO has a function of the same name.'),
    fetch: fetchRates.optional().describe('Instruction-side misses on entry.'),
    drain: probability
      .optional()
      .describe('Probability with which an interrupt that is due in the function waits until it is left.'),
    body,
  });

const object = z
  .union([
    z.enum(['mutex', 'semaphore', 'pipe']),
    z.strictObject({ barrier: quantity.describe('How many threads it waits for.') }),
    z.strictObject({ semaphore: quantity.describe('Its value at the start. Default: 0.') }),
    z.strictObject({ pipe: quantity.describe('Bytes that it holds. Default: 65536.') }),
  ])
  .describe('What threads and processes wait for each other by.');
const dso = z.strictObject({
  path: z.string().describe('Where the simulated system keeps it; may hold ${libc}.'),
  base: z.number().int().min(0).max(MOST_ADDRESS).describe('Where offset 0 is mapped: a multiple of the page size.'),
});
const param = z.strictObject({ default: z.union([z.number(), z.string()]), about: z.string() });

/** A file, from the schemas of a function and of an object. */
const file = (fn: z.ZodType, obj: z.ZodType) =>
  z.strictObject({
    about: z.string().min(1).describe('What the program is good for, in one line. Shown by `gperf list workload`.'),
    include: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Files whose functions, dsos and miss profiles are added: a built-in name (glibc) or a path.'),
    entry: z.string().optional().describe('Function that runs first. Default: that of an included file, or main.'),
    params: z.record(z.string(), param).optional().describe('Arguments of the workload, in order.'),
    misses: z.record(z.string(), rates).optional().describe('Named profiles of data misses.'),
    objects: z.record(z.string(), obj).optional(),
    dsos: z.record(z.string(), dso).optional(),
    functions: z.record(z.string(), fn),
  });

/**
 * Schemas of one level each: nested parts are checked when they are reached, so that each fault is reported by itself.
 */
export const shapes = {
  file: file(z.unknown(), z.unknown()),
  functionSpec: functionSpec(z.unknown()),
  items: heads(z.unknown()) as Readonly<Record<string, z.ZodType>>,
  rates,
  dso,
  param,
};

/** JSON Schema of workload files. */
export const jsonSchema = (): object =>
  z.toJSONSchema(file(z.union([functionSpec(z.array(item)), z.array(item)]), object), { io: 'input' });
