// Whether a candidate pool takes a request: by headers and URLs, or a share of 1000 by hash or chance (reference
// 3.1.3). Made once per pool when the filter is built.

import type { FilterScope, PipelineRequest, RequestContext } from '#proxy/pipeline/filter.ts';
import { decodedPathOf } from '#proxy/primitives/decoded-path.ts';
import { fnv1 } from '#proxy/primitives/fnv.ts';
import { compileStringMatcher, type StringTest } from '../string-matcher.ts';
import type { RequestMatcher } from './pool-schema.ts';

export type RequestTest = (request: PipelineRequest, ctx: RequestContext) => boolean;

export function compileRequestMatcher(matcher: RequestMatcher, scope: FilterScope): RequestTest {
  const { policy, permil = 0 } = matcher;
  switch (policy) {
    case 'ipHash':
      return (_request, ctx) => fnv1(ctx.realIp) % 1000 < permil;
    case 'headerHash': {
      const name = (matcher.headerHashKey ?? '').toLowerCase();
      return (request) => fnv1(request.headers.get(name) ?? '') % 1000 < permil;
    }
    case 'random':
      return () => scope.random() * 1000 < permil;
    case '':
    case 'general':
      return compileGeneral(matcher);
    default:
      return policy satisfies never;
  }
}

interface HeaderTest {
  readonly name: string;
  readonly test: StringTest;
  /** Holds when the header is absent. */
  readonly empty: boolean;
}

function compileGeneral(matcher: RequestMatcher): RequestTest {
  const headers = Object.entries(matcher.headers).map(([name, value]): HeaderTest => ({
    name: name.toLowerCase(),
    test: compileStringMatcher(value),
    empty: value.empty,
  }));
  const all = matcher.matchAllHeaders;
  const urls = matcher.urls.map(({ methods, url }) => ({
    methods: methods as readonly string[],
    test: compileStringMatcher(url),
  }));
  return (request) => {
    if (headers.length > 0 && !headersFit(headers, all, request)) return false;
    if (urls.length === 0) return true;
    const path = decodedPathOf(request.target);
    for (const { methods, test } of urls) {
      if ((methods.length === 0 || methods.includes(request.method)) && test(path)) return true;
    }
    return false;
  };
}

function headersFit(headers: readonly HeaderTest[], all: boolean, request: PipelineRequest): boolean {
  for (const header of headers) if (headerFits(header, request) !== all) return !all;
  return all;
}

/** Any line of the header is enough. */
function headerFits({ name, test, empty }: HeaderTest, { headers }: PipelineRequest): boolean {
  let at = headers.indexOf(name);
  if (at === -1) return empty;
  for (; at !== -1; at = headers.indexOf(name, at + 1)) if (test(headers.values[at] as string)) return true;
  return false;
}
