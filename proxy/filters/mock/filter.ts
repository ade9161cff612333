// Mock: the first rule that fits answers in place of a server, after its delay. Everything that the answer consists
// of is made when the filter is built.

import { BufferBody } from '#proxy/exchange/body.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import {
  type FilterScope,
  type HandleResult,
  type PipelineRequest,
  type RequestContext,
  defineFilter,
  pending,
} from '#proxy/pipeline/filter.ts';
import { decodedPathOf } from '#proxy/primitives/decoded-path.ts';
import { durationMs } from '#proxy/primitives/duration.ts';
import { type StringTest, compileStringMatcher } from '../string-matcher.ts';
import { type MockSpec, mockSchema } from './schema.ts';

export const mock = defineFilter({
  schema: mockSchema,
  create(spec, scope) {
    const rules = spec.rules.map(compileRule);
    return {
      handle(ctx) {
        const { request } = ctx;
        const path = request === null ? '' : decodedPathOf(request.target);
        const rule = rules.find((candidate) => fits(candidate, path, request));
        if (rule === undefined) return '';
        return rule.delay > 0 ? answerLater(ctx, rule, scope) : answer(ctx, rule);
      },
    };
  },
});

interface Rule {
  /** Both `` = any path. */
  readonly path: string;
  readonly pathPrefix: string;
  readonly headers: readonly { readonly lowerName: string; readonly test: StringTest }[];
  readonly matchAllHeaders: boolean;
  readonly code: number;
  readonly answerHeaders: HeaderList;
  readonly body: Buffer;
  readonly delay: number;
}

function compileRule(rule: MockSpec['rules'][number]): Rule {
  const { match } = rule;
  return {
    path: match.path ?? '',
    pathPrefix: match.pathPrefix ?? '',
    headers: Object.entries(match.headers).map(([name, matcher]) => ({
      lowerName: name.toLowerCase(),
      test: compileStringMatcher(matcher),
    })),
    matchAllHeaders: match.matchAllHeaders,
    code: rule.code,
    answerHeaders: compileHeaders(rule.headers),
    body: Buffer.from(rule.body),
    delay: rule.delay === undefined ? 0 : durationMs(rule.delay),
  };
}

/** A name or value that would break the head of the answer is refused when the filter is built. */
function compileHeaders(headers: Readonly<Record<string, string>>): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) {
    const bytes = Buffer.from(value).toString('latin1');
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new Error(`${JSON.stringify(name)} is no header name`);
    // oxlint-disable-next-line no-control-regex -- they are what must not be there (RFC 9110 5.5)
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(bytes)) throw new Error(`the value of header ${name} has control characters`);
    list.append(name, bytes);
  }
  return list;
}

function fits(rule: Rule, path: string, request: PipelineRequest | null): boolean {
  const anyPath = rule.path === '' && rule.pathPrefix === '';
  const pathFits =
    anyPath || (rule.path !== '' && path === rule.path) || (rule.pathPrefix !== '' && path.startsWith(rule.pathPrefix));
  return pathFits && headersFit(rule, request);
}

function headersFit(rule: Rule, request: PipelineRequest | null): boolean {
  const { headers, matchAllHeaders } = rule;
  if (headers.length === 0) return true;
  for (const { lowerName, test } of headers) {
    if (test(request?.headers.get(lowerName) ?? '') !== matchAllHeaders) return !matchAllHeaders;
  }
  return matchAllHeaders;
}

function answer(ctx: RequestContext, rule: Rule): string {
  ctx.response = {
    status: rule.code,
    reason: '',
    headers: rule.answerHeaders.clone(),
    body: rule.body.length === 0 ? null : new BufferBody(rule.body),
  };
  return 'mocked';
}

function answerLater(ctx: RequestContext, rule: Rule, scope: FilterScope): HandleResult {
  const cancel = scope.timer(rule.delay, () => ctx.complete(answer(ctx, rule)));
  ctx.onAbort = () => {
    cancel();
    ctx.complete('');
  };
  return pending;
}
