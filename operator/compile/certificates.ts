// Certificate units: one for each certificate of an HTTPServer that can be used. They are live: another one in the same
// place is served from the next handshake on, without a new version. Whether one has expired is status's to judge.

import type { HttpServerSpec } from '#operator/resources/http-server.ts';
import { digest, emitOver, type Source } from './emit.ts';
import type { CompiledUnit } from './result.ts';

/** In order: of several with one name the first is served. */
export function certificateUnits(
  { certificates }: HttpServerSpec,
  source: Source,
  former: ReadonlyMap<string, CompiledUnit>,
): CompiledUnit[] {
  return certificates.map(({ label, names, ...rest }) => {
    const name = certificateName(label, source);
    return emitOver(former.get(name), 'certificate', name, { ...rest, names: [...names] }, [source]);
  });
}

/** What clients get that name no host, on a port that the server decides. */
export function defaultCertificateOf({ certificates }: HttpServerSpec, source: Source): string | null {
  const [first] = certificates;
  return first === undefined ? null : certificateName(first.label, source);
}

const longestLabel = 253;

function certificateName(label: string, { origin }: Source): string {
  return `certificate/${origin.namespace}/${origin.name}/${label.length > longestLabel ? digest(label) : label}`;
}
