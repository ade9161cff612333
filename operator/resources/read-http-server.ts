// Reads an HTTPServer so that it fails closed (DESIGN 2.8). What is invalid, or protects and is not active, keeps its
// place in the table and answers 503:
//
//   wrong is …                    then
//   a field of one path           that path is refused; an unreadable path text makes it take every path of its rule
//   a field of a rule             every path of the rule is refused
//   the host of a rule            that host is left out, and all later rules are refused: a request meant for the
//                                 host that cannot be read could otherwise fall through to them
//   a field of the server         every path is refused
//   the port                      there is no value
//
// Siblings before and beside the wrong place are not touched.

import { checkPool } from '#proxy/filters/schemas.ts';
import { isError, splitPath, type FieldPath, type Finding } from './finding.ts';
import {
  defaultBodySize,
  httpServerSchema,
  type HttpServerFields,
  type HttpServerSpec,
  type PathSpec,
  type RuleSpec,
} from './http-server.ts';
import { refusals, type Refusals } from './http-server-places.ts';
import { readFields } from './read-fields.ts';
import type { Reading } from './read-pipeline.ts';

const at: FieldPath = ['spec'];

export function readHttpServer(raw: Readonly<Record<string, unknown>>): Reading<HttpServerSpec> {
  const first = readFields(httpServerSchema, raw, { at });
  const errors = first.findings.filter(isError);
  const refused = refusals(errors, first.cleaned);
  let fields = first.value;
  if (fields === null) {
    // What is wrong has been taken out, so this succeeds unless something without a default (the port) is wrong.
    const again = httpServerSchema.safeParse(refused.readable);
    if (!again.success) return { value: null, findings: first.findings };
    fields = again.data;
  }
  const crossed = checkPaths(fields, refused);
  return { value: assemble(fields, refused), findings: [...first.findings, ...crossed] };
}

/** Rules between the fields of one path. Marks the paths that break one. */
function checkPaths(fields: HttpServerFields, refused: Refusals): Finding[] {
  const found: Finding[] = [];
  for (const [r, rule] of fields.rules.entries()) {
    for (const [p, path] of rule.paths.entries()) {
      if (refused.paths.has(`${r}/${p}`)) continue;
      const place: FieldPath = [...at, 'rules', r, 'paths', p];
      const findings = checkPath(path, place);
      if (findings.length > 0) refused.paths.add(`${r}/${p}`);
      found.push(...findings);
    }
  }
  return found;
}

function checkPath(path: HttpServerFields['rules'][number]['paths'][number], place: FieldPath): Finding[] {
  const found: Finding[] = [];
  const pool = path.backendPool;
  if ((path.backend === '') === (pool === undefined)) {
    const message =
      pool === undefined
        ? 'the path has no backend; state `backend`, the name of a pipeline, or `backendPool`'
        : `the path has both \`backend\` (${JSON.stringify(path.backend)}) and \`backendPool\`; keep one of them`;
    found.push({ code: 'BackendMissing', path: place, message });
  }
  if (path.rewriteTarget !== '' && path.path === '' && path.pathPrefix === '' && path.pathRegexp === '') {
    const message = '`rewriteTarget` needs `path`, `pathPrefix` or `pathRegexp` beside it; state what it replaces';
    found.push({ code: 'InvalidField', path: [...place, 'rewriteTarget'], message });
  }
  if (pool !== undefined) {
    for (const [inner, message, code] of checkPool(pool, 'backendPool')) {
      found.push({ code, path: [...place, ...splitPath(inner)], message });
    }
    if (pool.filter !== undefined) {
      const message = '`backendPool` is the only pool of its path, so it has no `filter`; remove it';
      found.push({ code: 'InvalidPool', path: [...place, 'backendPool', 'filter'], message });
    }
  }
  return found;
}

function assemble(fields: HttpServerFields, refused: Refusals): HttpServerSpec {
  const rules: RuleSpec[] = [];
  for (const [index, rule] of fields.rules.entries()) {
    if (refused.unplaced.has(index)) continue;
    const closed = refused.server || refused.rules.has(index) || index > refused.closedAfter;
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
    rules,
  };
}
