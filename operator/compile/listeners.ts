// Ports. Address, TLS and whose certificates clients present, HTTP/3, keep-alive and the bound on connections belong to
// a port, not to a server, so of several servers on one port one decides and the others share the port. Among files that
// is the first by namespace/name whose own spec is sound; a refused one decides only when no other is there. A server
// that states something else than its port has is closed like a refused one: its hosts and paths stay in the table of
// that port and answer 503, because without them a server of any host would answer its requests. A closed server has no
// host that a sound one claims too (hosts.ts).

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { ListenerContent, TlsContent } from '#proxy/contract/units.ts';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { durationMs, formatDuration } from '#proxy/primitives/duration.ts';
import type { HttpServerSpec } from '#operator/resources/http-server.ts';
import { intermediateCiphers, intermediateCurves } from '#operator/resources/tls.ts';
import { digest, emit, type Output, sameOutput } from './emit.ts';
import type { CellKind, Reader } from './graph.ts';
import { type Parsed, type PortClaim, portClaims, type PortSettings } from './inputs.ts';

/** What a server claims of its port. */
export function portClaimOf(spec: HttpServerSpec, { source, stated }: Pick<Parsed, 'source' | 'stated'>): PortClaim {
  const { address, https, http3, keepAlive, keepAliveTimeout, maxConnections, refused } = spec;
  const tls = https ? tlsPolicy(spec) : null;
  return {
    settings: {
      address,
      https,
      http3,
      keepAlive,
      keepAliveTimeout: durationMs(keepAliveTimeout),
      maxConnections,
      caCertBase64: tls === null ? '' : tls.ca,
      tls: tls === null ? '' : canonicalJson(tls),
    },
    stated: settingNames.filter((name) => stated.has(name)),
    refused,
    origin: source.origin,
  };
}

/** Order in the group of a port. */
export function portOrder(spec: HttpServerSpec, owner: string): string {
  return `${spec.refused ? 1 : 0} ${owner}`;
}

/** Settings of a port, by number. Null when nobody can have it: HTTP/3 is not active yet. */
const settingsCell: CellKind<PortSettings | null> = {
  name: 'port-settings',
  level: 1,
  same: sameSettings,
  compute(port, read) {
    const settings = read.get(portClaims, port)?.first()?.value.settings ?? null;
    return settings === null || settings.http3 ? null : settings;
  },
};

/** Who decided. Apart from the settings, because only a refusal tells it: the others need not know when it changes. */
const deciderCell: CellKind<string> = {
  name: 'port-decider',
  level: 1,
  same: (before, after) => before === after,
  compute(port, read) {
    const origin = read.get(portClaims, port)?.first()?.value.origin;
    return origin === undefined ? '' : `${origin.kind} ${origin.namespace}/${origin.name}`;
  },
};

/** The listener unit of a port. */
export const listenerCell: CellKind<Output> = {
  name: 'listener',
  level: 2,
  same: sameOutput,
  compute(port, read) {
    const settings = read.get(settingsCell, port);
    const first = read.get(portClaims, port)?.first();
    if (settings === null || first === undefined) return { units: [], diagnostics: [] };
    const content: ListenerContent = {
      audience: 'default',
      address: settings.address,
      port: Number(port),
      placement: 'all',
      protocol: settings.https ? 'https' : 'http',
      keepAlive: settings.keepAlive,
      keepAliveTimeout: settings.keepAliveTimeout,
      maxConnections: settings.maxConnections,
    };
    if (settings.https) {
      content.tls = { ...(JSON.parse(settings.tls) as TlsPolicy), defaultCertificate: first.value.certificate };
    }
    const name = listenerName(port, settings);
    return { units: [emit('listener', name, content, [first.value.source])], diagnostics: [] };
  },
};

export interface Attachment {
  /** Null when nobody can have the port. */
  readonly listener: string | null;
  readonly https: boolean;
  /** Refused, or at odds with the port: every path answers 503. */
  readonly closed: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** The listener that a server's rules go to, and whether they are served there. */
export function attach(read: Reader, spec: HttpServerSpec, parsed: Pick<Parsed, 'source' | 'stated'>): Attachment {
  const port = String(spec.port);
  const settings = read.get(settingsCell, port);
  if (settings === null) return { listener: null, https: false, closed: true, diagnostics: [] };
  const claim = portClaimOf(spec, parsed);
  const listener = listenerName(port, settings);
  // A refused server takes whatever the port has: it only answers 503 there.
  const { https } = settings;
  if (claim.refused || !isClosed(claim, settings)) return { listener, https, closed: claim.refused, diagnostics: [] };
  const decider = read.get(deciderCell, port);
  const diagnostics = differences(claim, settings).map((name) => {
    const message = `${decider} decides port ${port} with ${name} ${shown(name, settings)}, here it is ${shown(name, claim.settings)}; state the same or use another port`;
    return diagnostic('PortSettingConflict', parsed.source.origin, `spec.${name}`, message);
  });
  return { listener, https, closed: true, diagnostics };
}

/** Whether a server on a port with these settings is kept in the table without being served. */
export function isClosed(claim: PortClaim, settings: PortSettings): boolean {
  return claim.refused || differences(claim, settings).length > 0;
}

/** Settings that a server states otherwise than its port has them. */
function differences(claim: PortClaim, settings: PortSettings): readonly (keyof PortSettings)[] {
  return claim.stated.filter((name) => claim.settings[name] !== settings[name]);
}

const settingNames = [
  'address',
  'https',
  'http3',
  'keepAlive',
  'keepAliveTimeout',
  'maxConnections',
  'caCertBase64',
  'tls',
] as const;

type TlsPolicy = Omit<TlsContent, 'defaultCertificate'>;

/** What a port does for a server. Of a refused one, which is not served, only whom it asks is taken. */
function tlsPolicy({ tls: stated, clientCa, clientCrl, refused }: HttpServerSpec): TlsPolicy {
  const tls = refused ? undefined : stated;
  const { ciphers = [], curves = [] } = tls ?? {};
  return {
    minVersion: tls?.minVersion ?? 'TLSv1.2',
    maxVersion: tls?.maxVersion ?? 'TLSv1.3',
    ciphers: [...(ciphers.length === 0 ? intermediateCiphers : ciphers)],
    curves: [...(curves.length === 0 ? intermediateCurves : curves)],
    clientAuth: clientCa === '' ? 'none' : (tls?.clientAuth ?? 'required'),
    ca: clientCa,
    crl: clientCrl,
  };
}

function sameSettings(a: PortSettings | null, b: PortSettings | null): boolean {
  return a === b || (a !== null && b !== null && settingNames.every((name) => a[name] === b[name]));
}

/** Settings of a port as they stand, for hosts.ts. */
export function settingsOf(read: Reader, port: string): PortSettings | null {
  return read.get(settingsCell, port);
}

function listenerName(port: string, { address }: PortSettings): string {
  return `listener/default/${address === '' ? '*' : address}:${port}`;
}

function shown(name: keyof PortSettings, settings: PortSettings): string {
  const value = settings[name];
  if (name === 'keepAliveTimeout') return formatDuration(settings.keepAliveTimeout);
  if (name === 'caCertBase64') return settings.caCertBase64 === '' ? 'none' : digest(settings.caCertBase64);
  if (name === 'tls') return settings.tls === '' ? 'none' : digest(settings.tls);
  return value === '' ? 'empty' : String(value);
}
