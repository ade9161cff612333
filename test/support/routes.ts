// Short ways to write rules, owners and requests in tests of the router.

import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { type OwnerRouter, compileOwner } from '#proxy/router/owner.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { type CompiledRule, compileRule } from '#proxy/router/rule.ts';

/** A pipeline in tests is the name that it is told by. */
export type Slot = PipelineSlot<string>;

export function readySlot(name: string): Slot {
  return { name, current: name };
}

export function path(fields: Partial<PathContent> = {}): PathContent {
  return {
    path: '',
    pathPrefix: '',
    pathRegexp: '',
    ipFilter: null,
    methods: [],
    headers: [],
    matchAllHeader: false,
    queries: [],
    matchAllQuery: false,
    rewriteTarget: '',
    pipeline: 'pipeline/default/p',
    clientMaxBodySize: 0,
    setHeaders: {},
    ...fields,
  };
}

/** Hosts in Easegress's spelling: `a.io`, `*.a.io`, `www.a.*`; an expression as `~pattern`. */
export function hosts(...values: string[]): RuleContent['hosts'] {
  return values.map((value) => {
    if (value.startsWith('~')) return { kind: 'regexp', value: value.slice(1) };
    if (value.startsWith('*')) return { kind: 'suffix', value: value.slice(1) };
    if (value.endsWith('*')) return { kind: 'prefix', value: value.slice(0, -1) };
    return { kind: 'exact', value };
  });
}

export function rule(fields: Partial<RuleContent> = {}): RuleContent {
  return { hosts: [], ipFilter: null, paths: [], ...fields };
}

export function ownerContent(fields: Partial<OwnerContent> = {}): OwnerContent {
  return {
    listener: 'listener/default/*:80',
    precedence: { rank: 0, createdAt: '', key: 'default/web' },
    semantics: 'ordered',
    rules: [],
    ipFilter: null,
    xForwardedFor: false,
    clientMaxBodySize: 4_194_304,
    before: null,
    after: null,
    fallthrough: { beforePipeline: false, pipeline: false },
    accessLogFormat: '',
    ...fields,
  };
}

export function compiled(content: RuleContent, index = 0): CompiledRule<string> {
  return compileRule(`rule/default/web/${index}`, content, readySlot);
}

export function owner(
  rules: readonly RuleContent[],
  fields: Partial<OwnerContent> = {},
  name = 'owner/default/web',
): OwnerRouter<string> {
  return compileOwner(name, ownerContent(fields), rules.map(compiled));
}

export function request(target: string, fields: Partial<Omit<RequestHead, 'target'>> = {}): RequestHead {
  return { method: 'GET', target, authority: 'a.test', scheme: 'http', headers: new HeaderList(), ...fields };
}
