// From a name in an object to the object that is meant, or to a finding. A name leads into another namespace only when
// the target's namespace grants it; grants do not exist yet, so such a reference is refused.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { Origin } from '#proxy/contract/units.ts';
import type { ServiceSpec } from '#operator/resources/service.ts';
import type { Reader } from './graph.ts';
import { find, type Parsed } from './inputs.ts';

/** Where a reference stands, for findings. */
export interface Place {
  readonly object: Origin;
  readonly path: string;
}

export interface ServiceReference {
  readonly name: string;
  readonly port: number | string;
  readonly namespace?: string | undefined;
}

type ServicePort = ServiceSpec['ports'][number];
type Resolved<T> = { readonly found: T } | { readonly missing: Diagnostic };

/** The Filter object that `filterRef` names. */
export function filterNamed(read: Reader, name: string, place: Place): Resolved<Parsed<'Filter'>> {
  const { object, path } = place;
  const filter = find(read, 'Filter', object.namespace, name);
  if (filter === null) {
    const message = `no Filter is called ${name} in namespace ${object.namespace}; create it or correct the name`;
    return { missing: diagnostic('FilterRefNotFound', object, path, message) };
  }
  if (filter.object === null) {
    const message = `Filter ${object.namespace}/${name} was refused; correct what its own findings name`;
    return { missing: diagnostic('FilterRefNotFound', object, path, message) };
  }
  return { found: filter };
}

/** The port of a Service that a pool names, and the name of the unit with its addresses. */
export function serviceNamed(
  read: Reader,
  reference: ServiceReference,
  place: Place,
): Resolved<{ readonly port: ServicePort; readonly endpoints: string }> {
  const { object, path } = place;
  const namespace =
    reference.namespace === undefined || reference.namespace === '' ? object.namespace : reference.namespace;
  const title = `Service ${namespace}/${reference.name}`;
  if (namespace !== object.namespace) {
    const message = `${title} is in another namespace, which does not grant it; use a Service of namespace ${object.namespace}`;
    return { missing: diagnostic('CrossNamespaceReference', object, `${path}.namespace`, message) };
  }
  const service = find(read, 'Service', namespace, reference.name);
  const spec = service?.object?.spec;
  if (spec === undefined) {
    const message = `${title} does not exist; create it or correct the name`;
    return { missing: diagnostic('ServiceNotFound', object, `${path}.name`, message) };
  }
  if (spec.type === 'ExternalName') {
    const message = `${title} is of type ExternalName, which has no endpoints; state the name as a server's \`url\``;
    return { missing: diagnostic('ServiceNotFound', object, `${path}.name`, message) };
  }
  const port = portNamed(spec, reference.port);
  if (port === undefined) {
    const known = tcpPorts(spec).map((each) => (each.name === '' ? `${each.port}` : `${each.port} (${each.name})`));
    const message = `${title} has no port ${reference.port}; it has ${known.length === 0 ? 'none' : known.join(', ')}`;
    return { missing: diagnostic('ServicePortNotFound', object, `${path}.port`, message) };
  }
  return { found: { port, endpoints: `${namespace}/${reference.name}/${reference.port}` } };
}

/** A port by number or name, TCP only. */
export function portNamed(service: ServiceSpec, port: number | string): ServicePort | undefined {
  const text = String(port);
  const tcp = tcpPorts(service);
  return tcp.find(({ name }) => name === text) ?? tcp.find((each) => String(each.port) === text);
}

/** How the endpoints of a port want to be spoken to. */
export function schemeOf({ appProtocol }: ServicePort): 'http' | 'https' {
  return appProtocol === 'https' || appProtocol === 'kubernetes.io/wss' ? 'https' : 'http';
}

function tcpPorts(service: ServiceSpec): readonly ServicePort[] {
  return service.ports.filter(({ protocol }) => protocol === 'TCP');
}
