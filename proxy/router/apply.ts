// Changes a request as its route says, before the pipeline sees it: `setHeaders` first, with values of the request as
// it came, then `rewriteTarget`. The query stays. A rewritten path is built from the decoded text that was compared
// (for a prefix: from the raw bytes behind it) and escaped, so what upstream reads is what was decided on.

import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { renderTemplate } from './header-template.ts';
import { escapePath, rawPathOf, rawQueryOf, rawRest } from './request-path.ts';
import type { RouteMatch } from './route-match.ts';
import type { CompiledPath } from './rule.ts';

/** `match` must be what route() filled for this request. `version` is the client's HTTP version. */
export function applyRoute<T>(match: RouteMatch<T>, request: RequestHead, realIp: string, version = '1.1'): void {
  const { path } = match;
  if (path === null) return;
  if (path.setters.length > 0) setHeaders(match, path, { head: request, realIp, version, captures: match.captures });
  if (path.rewriteTarget !== '') request.target = rewritten(match, path, request.target);
}

function setHeaders<T>(match: RouteMatch<T>, path: CompiledPath<T>, scope: Parameters<typeof renderTemplate>[1]): void {
  const { head } = scope;
  // All values are taken before any is set, so that their order in the object does not matter.
  const values = path.setters.map(({ parts }) => (parts === null ? null : renderTemplate(parts, scope)));
  for (const [i, { name, lower }] of path.setters.entries()) {
    const value = values[i] ?? null;
    if (lower === 'host' && value !== null && value !== '') head.authority = value;
    if (value === null) head.headers.delete(lower);
    else head.headers.set(name, value);
  }
}

function rewritten<T>(match: RouteMatch<T>, path: CompiledPath<T>, target: string): string {
  const query = rawQueryOf(target);
  if (match.owner?.content.semantics === 'radix') return rewrittenByPattern(match, target) + query;
  const { text } = match;
  const { rewriteTarget } = path;
  // Easegress's order, whichever of several fields let the request in.
  if (path.exact !== '' && path.exact === text) return escapePath(rewriteTarget) + query;
  if (path.prefix !== '' && text.startsWith(path.prefix)) {
    return escapePath(rewriteTarget) + rawRest(rawPathOf(target), path.prefixBytes) + query;
  }
  if (path.regexp === null) return target;
  return escapePath(path.regexp.replaceAll(text, rewriteTarget)) + query;
}

function rewrittenByPattern<T>(match: RouteMatch<T>, target: string): string {
  if (match.rewrite === null) return rawPathOf(target);
  let text = '';
  for (const part of match.rewrite) {
    text += 'text' in part ? part.text : (match.captures?.get(part.capture) ?? '');
  }
  return escapePath(text);
}
