// What an object takes part in beside itself: a server claims its port and its hosts, a slice belongs to a Service.
// compile.ts keeps the groups of claimants in step, so that nothing has to look through all objects.

import { type EndpointSliceSpec, serviceNameLabel } from '#operator/resources/endpoint-slice.ts';
import type { TypedObject } from '#operator/resources/typed-object.ts';
import type { Output } from './emit.ts';
import type { CellKind, InputKind } from './graph.ts';
import type { Group } from './group.ts';
import { hostKeysOf, precedenceOf, precedenceText } from './hosts.ts';
import { hostClaims, type Parsed, type PortClaim, portClaims, serviceSlices } from './inputs.ts';
import { defaultCertificateOf } from './certificates.ts';
import { listenerCell, portClaimOf, portOrder } from './listeners.ts';

export interface Claim {
  readonly kind: InputKind<Group<never> | null>;
  /** Of the group. */
  readonly key: string;
  /** Place in the group, unique by object. */
  readonly member: string;
  /** Null when the claim is withdrawn. */
  readonly value: PortClaim | EndpointSliceSpec | null;
  /** An output that exists as long as the group has members. */
  readonly output: CellKind<Output> | null;
}

/** By an id that stays the same while the claim does. */
export function claimsOf(parsed: Parsed): ReadonlyMap<string, Claim> {
  const { object, source } = parsed;
  const claims = new Map<string, Claim>();
  const add = <T extends PortClaim | EndpointSliceSpec>(
    kind: InputKind<Group<T> | null>,
    claim: { readonly key: string; readonly member: string; readonly value: T; readonly output?: CellKind<Output> },
  ): void => {
    // Writing through `kind` is safe because `value` is of its type; the map needs one type for all.
    const erased = kind as unknown as Claim['kind'];
    claims.set(`${kind.name} ${claim.key} ${claim.member}`, { output: null, ...claim, kind: erased });
  };
  if (object?.kind === 'HTTPServer') {
    const { spec, createdAt } = object;
    const value = portClaimOf(spec, parsed);
    const key = `${source.origin.namespace}/${source.origin.name}`;
    const sourced = { ...value, source, certificate: defaultCertificateOf(spec, source) };
    add(portClaims, { key: String(spec.port), member: portOrder(spec, key), value: sourced, output: listenerCell });
    const member = precedenceText(precedenceOf(source, createdAt));
    for (const host of hostKeysOf(spec)) add(hostClaims, { key: host, member, value });
  }
  if (object?.kind === 'EndpointSlice') {
    const service = serviceOf(object);
    if (service !== null) add(serviceSlices, { key: service, member: object.name, value: object.spec });
  }
  return claims;
}

function serviceOf({ namespace, labels }: TypedObject<'EndpointSlice'>): string | null {
  const name = labels[serviceNameLabel];
  return name === undefined ? null : `${namespace}/${name}`;
}
