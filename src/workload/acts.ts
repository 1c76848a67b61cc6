/**
 * What the nodes of a program about threads come to, once its parameters are known: objects, and the traps of acts.
 * Not modelled: see arch/sync.ts.
 */
import type { Trap } from '../arch/cpu.ts';
import type { SyncObject } from '../arch/sync.ts';
import type { ObjectSpec, Quantity, Sync, Syscall } from './program.ts';
import { interpolate, type Scope, toNumber } from './quantity.ts';

/** What a spawned thread or forked process executes, by name: the same function may be started both ways. */
export const entryName = ({ op, target }: { readonly op: 'spawn' | 'fork'; readonly target: string }): string =>
  `${op} ${target}`;

const whole = (quantity: Quantity, scope: Scope): number => Math.round(toNumber(quantity, scope));

function objectOf(spec: ObjectSpec, scope: Scope): SyncObject {
  switch (spec.kind) {
    case 'mutex':
      return { kind: spec.kind, name: spec.name };
    case 'barrier':
      return { kind: spec.kind, name: spec.name, count: whole(spec.count, scope) };
    case 'semaphore':
      return { kind: spec.kind, name: spec.name, value: whole(spec.value, scope) };
    case 'pipe':
      return { kind: spec.kind, name: spec.name, capacity: whole(spec.capacity, scope) };
  }
}

export type Objects = ReadonlyMap<string, SyncObject>;
export const objectsOf = (specs: readonly ObjectSpec[], scope: Scope): Objects =>
  new Map(specs.map((spec) => [spec.name, objectOf(spec, scope)]));

/** The trap of a system call of the program's own. */
export function trapOf({ name, args }: Syscall, scope: Scope): Trap {
  if (name === 'exit') return { kind: 'sync', op: 'exit' };
  const values = Object.entries(args).map(([key, v]) => [key, typeof v === 'string' ? interpolate(v, scope) : v]);
  return { kind: 'syscall', name, args: Object.fromEntries(values) as Record<string, number | string> };
}

/** What a node asks of others. check.ts saw to it that its object exists and is of the right kind. */
export function actOf(node: Sync, objects: Objects, scope: Scope): Trap {
  const object = <K extends SyncObject['kind']>(name: string): Extract<SyncObject, { kind: K }> =>
    objects.get(name) as Extract<SyncObject, { kind: K }>;
  switch (node.op) {
    case 'lock':
    case 'unlock':
      return { kind: 'sync', op: node.op, object: object<'mutex'>(node.object) };
    case 'arrive':
      return { kind: 'sync', op: node.op, object: object<'barrier'>(node.object) };
    case 'post':
    case 'take':
      return { kind: 'sync', op: node.op, object: object<'semaphore'>(node.object) };
    case 'read':
    case 'write':
      return { kind: 'sync', op: node.op, object: object<'pipe'>(node.object), bytes: whole(node.bytes, scope) };
    case 'spawn':
    case 'fork':
      return {
        kind: 'sync',
        op: node.op,
        entry: entryName(node),
        ...(node.cpu !== undefined && { cpu: whole(node.cpu, scope) }),
      };
    case 'sleep':
      return { kind: 'syscall', name: 'nanosleep', args: { ns: whole(node.ns, scope) } };
    case 'join':
    case 'wait':
    case 'exit':
      return { kind: 'sync', op: node.op };
  }
}
