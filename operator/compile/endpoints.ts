// Endpoints units: the addresses behind one port of a Service, from its EndpointSlices (never the cluster IP). They
// are live: they change without a new version. Only those are made that some upstream holds.

import type { EndpointsContent } from '#proxy/contract/units.ts';
import type { EndpointSliceSpec } from '#operator/resources/endpoint-slice.ts';
import { digest, emit, type Output, sameOutput } from './emit.ts';
import type { CellKind } from './graph.ts';
import { find, serviceSlices } from './inputs.ts';
import { portNamed, schemeOf } from './references.ts';

type Address = EndpointsContent['addresses'][number];

/** Key: `namespace/service/port`, the port as the pool states it. */
export const endpointsCell: CellKind<Output> = {
  name: 'endpoints',
  level: 1,
  same: sameOutput,
  compute(key, read) {
    const [namespace = '', name = '', wanted = ''] = key.split('/');
    const service = find(read, 'Service', namespace, name);
    const slices = [...(read.get(serviceSlices, `${namespace}/${name}`)?.entries() ?? [])].map(([, slice]) => slice);
    const spec = service?.object?.spec;
    const port = spec === undefined ? undefined : portNamed(spec, wanted);
    if (service === null || port === undefined) return { units: [], diagnostics: [] };
    const content: EndpointsContent = {
      scheme: schemeOf(port),
      addresses: addressesOf(slices, port.name),
    };
    const source = { origin: service.source.origin, inputs: digest([service.source.inputs, slices]) };
    return { units: [emit('endpoints', `endpoints/${key}`, content, [source])], diagnostics: [] };
  },
};

/**
 * Joins the slices of a Service. Slices carry the Service's name of the port; a Service with one unnamed port has ''.
 * An endpoint may stand in two slices for a moment: it is ready when either says so. Only the first address counts,
 * as in kube-proxy.
 */
function addressesOf(slices: readonly EndpointSliceSpec[], portName: string): Address[] {
  const byPlace = new Map<string, Address>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6') continue;
    const port = slice.ports.find(({ name, protocol }) => name === portName && protocol === 'TCP')?.port;
    if (port === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints) {
      const [ip] = addresses;
      if (ip === undefined) continue;
      const place = `${ip} ${port}`;
      const { ready, terminating } = conditions;
      const before = byPlace.get(place);
      byPlace.set(
        place,
        before === undefined
          ? { ip, port, ready, terminating }
          : { ip, port, ready: before.ready || ready, terminating: before.terminating && terminating },
      );
    }
  }
  return [...byPlace.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}
