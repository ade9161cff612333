// What the computation starts from: objects after reading, and the groups of objects that claim one thing. compile.ts
// sets them; every other file of this folder reads them through the graph, so that reading is remembered.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { Origin } from '#proxy/contract/units.ts';
import type { EndpointSliceSpec } from '#operator/resources/endpoint-slice.ts';
import type { TypedKind, TypedObject } from '#operator/resources/typed-object.ts';
import type { Source } from './emit.ts';
import type { InputKind, Reader } from './graph.ts';
import type { Group } from './group.ts';

/** An object as parsing left it. `object` is null when nothing of it can be used. */
export interface Parsed<K extends TypedKind = TypedKind> {
  readonly object: TypedObject<K> | null;
  readonly diagnostics: readonly Diagnostic[];
  readonly source: Source;
  /** Fields that stand in the object, whether or not they could be read. */
  readonly stated: ReadonlySet<string>;
  /** Written in Easegress's own form: some defaults differ (reference, Appendix B). */
  readonly imported: boolean;
}

/** What a server states about its port. */
export interface PortSettings {
  readonly address: string;
  readonly https: boolean;
  readonly http3: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveTimeout: number;
  readonly maxConnections: number;
  /** PEM; `` = clients are not asked for certificates. */
  readonly caCertBase64: string;
  /** Versions, ciphers and the rest as a unit states them, in canonical JSON; `` without TLS. */
  readonly tls: string;
}

export interface PortClaim {
  readonly settings: PortSettings;
  /** Names of the settings that the object states itself; the others it takes as the port has them. */
  readonly stated: readonly (keyof PortSettings)[];
  /** A refused server takes whatever the port has: it only answers 503 there. */
  readonly refused: boolean;
  readonly origin: Origin;
}

/** The same with the hash of the spec, for the unit that comes from it. A host claim stays equal through most edits. */
export interface SourcedPortClaim extends PortClaim {
  readonly source: Source;
  /** Unit of its first certificate, which is the port's default one when it decides. */
  readonly certificate: string | null;
}

/** By object key. */
export const objects: InputKind<Parsed | null> = { name: 'object', level: 0, absent: null };

/** Servers on a port, by order of who decides. Key: the port's number. */
export const portClaims: InputKind<Group<SourcedPortClaim> | null> = { name: 'port-claims', level: 0, absent: null };

/** Servers that claim a host on a port, by precedence. Key: see hosts.ts. */
export const hostClaims: InputKind<Group<PortClaim> | null> = { name: 'host-claims', level: 0, absent: null };

/** Slices of a Service. Key: `namespace/name` of the Service. */
export const serviceSlices: InputKind<Group<EndpointSliceSpec> | null> = {
  name: 'service-slices',
  level: 0,
  absent: null,
};

export function find<K extends TypedKind>(read: Reader, kind: K, namespace: string, name: string): Parsed<K> | null {
  // The key begins with the kind, so what lies there is of that kind.
  return read.get(objects, `${kind}/${namespace}/${name}`) as Parsed<K> | null;
}
