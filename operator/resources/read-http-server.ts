// Reads an HTTPServer so that it fails closed. What is invalid, or protects and is not active, keeps its
// place in the table and answers 503:
//
//   wrong is …                    then
//   a field of one path           that path is refused; an unreadable path text makes it take every path of its rule
//   a field of a rule             every path of the rule is refused
//   the host of a rule            that host is left out, and all later rules are refused: a request meant for the
//                                 host that cannot be read could otherwise fall through to them
//   a field of the server         every path is refused
//   one of several certificates   that one is left out
//   the port                      there is no value
//
// Siblings before and beside the wrong place are not touched.

import { isError, type FieldPath, type Finding } from './finding.ts';
import {
  defaultBodySize,
  httpServerSchema,
  type HttpServerFields,
  type HttpServerSpec,
  type PathSpec,
  type RuleSpec,
} from './http-server.ts';
import { refusals, type Refusals } from './http-server-places.ts';
import { readCertificates, type CertificateReading } from './read-certificates.ts';
import type { Reading } from './read-pipeline.ts';
import { below, checkPaths, readServerFields, soundRule } from './read-rules.ts';

export function readHttpServer(raw: Readonly<Record<string, unknown>>): Reading<HttpServerSpec> {
  const first = readServerFields(raw);
  const errors = first.findings.filter(isError);
  const refused = refusals(errors, first.cleaned);
  let fields = first.value;
  if (fields === null) {
    // What is wrong has been taken out, so this succeeds unless something without a default (the port) is wrong.
    const again = httpServerSchema.safeParse(refused.readable);
    if (!again.success) return { value: null, findings: first.findings };
    fields = again.data;
  }
  const tls = readCertificates(fields, new Set(errors.map(({ path }) => String(path[1]))));
  refused.server ||= tls.refused;
  const crossed = crossFindings(fields, refused);
  return { value: assemble(fields, refused, tls), findings: [...first.findings, ...tls.findings, ...crossed] };
}

/** Findings between the fields of one path. Marks the paths that have any. */
function crossFindings(fields: HttpServerFields, refused: Refusals): Finding[] {
  const found: Finding[] = [];
  for (const [r, rule] of fields.rules.entries()) {
    for (const [p, findings] of checkPaths(rule)) {
      if (refused.paths.has(`${r}/${p}`)) continue;
      refused.paths.add(`${r}/${p}`);
      const place: FieldPath = ['spec', 'rules', r, 'paths', p];
      found.push(...findings.map((finding) => below(finding, place)));
    }
  }
  return found;
}

function assemble(fields: HttpServerFields, refused: Refusals, tls: CertificateReading): HttpServerSpec {
  const rules: RuleSpec[] = [];
  const touched = new Set([...refused.paths].map((place) => Number(place.slice(0, place.indexOf('/')))));
  for (const [index, rule] of fields.rules.entries()) {
    if (refused.unplaced.has(index)) continue;
    const closed = refused.server || refused.rules.has(index) || index > refused.closedAfter;
    if (!closed && !touched.has(index)) {
      rules.push(soundRule(rule, index));
      continue;
    }
    const paths = rule.paths.map((path, p): PathSpec => ({
      ...path,
      index: p,
      refused: closed || refused.paths.has(`${index}/${p}`),
    }));
    rules.push({ ...rule, index, paths });
  }
  return {
    ...fields,
    clientMaxBodySize: fields.clientMaxBodySize === 0 ? defaultBodySize : fields.clientMaxBodySize,
    refused: refused.server,
    certificates: tls.certificates,
    clientCa: tls.clientCa,
    clientCrl: tls.clientCrl,
    rules,
  };
}
