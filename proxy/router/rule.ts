// One rule of an owner, compiled: everything that can be known before a request comes. It depends on its own unit
// only, so a new rule costs what that rule costs; which owner holds it, and where, it does not know.

import { anchoredLiteral, type Regexp, compile } from '#proxy/primitives/regexp.ts';
import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import { RouterBuildError, buildAt } from './build-error.ts';
import { type Conditions, compileConditions } from './conditions.ts';
import { type HeaderSetter, compileHeaderSetters } from './header-template.ts';
import { type CompiledHost, anyHost, compileHost } from './host.ts';
import { type IpFilter, compileIpFilter } from './ip-filter.ts';
import { type PathPattern, type RewritePart, parsePattern, parseRewriteTarget } from './pattern.ts';
import { PatternTree } from './pattern-tree.ts';
import type { PipelineSlot } from './pipeline-slot.ts';

export interface CompiledPath<T = unknown> {
  /** Position in the rule. */
  readonly index: number;
  readonly exact: string;
  readonly prefix: string;
  /** Length of `prefix` in UTF-8. */
  readonly prefixBytes: number;
  readonly regexp: Regexp | null;
  /** Text that every match of `regexp` begins with, `` when that is not certain. */
  readonly regexpLiteral: string;
  readonly methods: readonly string[];
  readonly headers: Conditions | null;
  readonly queries: Conditions | null;
  readonly ipFilter: IpFilter | null;
  readonly rewriteTarget: string;
  /** null = the path answers 503. */
  readonly slot: PipelineSlot<T> | null;
  /** 0 = the owner's; negative = no limit. */
  readonly clientMaxBodySize: number;
  readonly setters: readonly HeaderSetter[];
}

/** A path under the RadixTree semantics. */
export interface PatternPath<T = unknown> {
  readonly path: CompiledPath<T>;
  readonly pattern: PathPattern;
  /** null = no rewriting. */
  readonly rewrite: readonly RewritePart[] | null;
}

export interface RulePatterns<T = unknown> {
  readonly statics: readonly { readonly text: string; readonly path: PatternPath<T> }[];
  /** Static texts that the other patterns begin with: only paths that begin with one of them need the tree. */
  readonly treePrefixes: readonly string[];
  readonly tree: PatternTree<PatternPath<T>>;
}

export class CompiledRule<T = unknown> {
  readonly name: string;
  /** What it claims. A rule without hosts claims any; an unreadable one may claim nothing. */
  readonly hosts: readonly CompiledHost[];
  /** Same for rules with the same hosts. */
  readonly hostsKey: string;
  readonly ipFilter: IpFilter | null;
  readonly paths: readonly CompiledPath<T>[];
  private readonly content: RuleContent;
  private parsed: RulePatterns<T> | null = null;

  constructor(
    name: string,
    content: RuleContent,
    parts: { hosts: readonly CompiledHost[]; ipFilter: IpFilter | null; paths: readonly CompiledPath<T>[] },
  ) {
    this.name = name;
    this.content = content;
    this.hosts = parts.hosts;
    this.hostsKey = parts.hosts
      .map((host) => host.key)
      .toSorted()
      .join('\n');
    this.ipFilter = parts.ipFilter;
    this.paths = parts.paths;
  }

  /** The paths read as patterns, parsed at the first call. Throws RouterBuildError. */
  patterns(): RulePatterns<T> {
    this.parsed ??= compilePatterns(this.name, this.content, this.paths);
    return this.parsed;
  }
}

/** Throws RouterBuildError. With `radix` the paths are checked as patterns at once. */
export function compileRule<T = unknown>(
  name: string,
  content: RuleContent,
  slot: (pipelineUnit: string) => PipelineSlot<T>,
  semantics: OwnerContent['semantics'] = 'ordered',
): CompiledRule<T> {
  const hosts = content.hosts.map((host, i) => buildAt(name, `hosts[${i}].value`, () => compileHost(host)));
  const rule = new CompiledRule<T>(name, content, {
    hosts: hosts.length === 0 ? [anyHost] : hosts,
    ipFilter: compileIpFilter(name, 'ipFilter', content.ipFilter),
    paths: content.paths.map((path, index) => compilePath(name, path, index, slot)),
  });
  if (semantics === 'radix') rule.patterns();
  return rule;
}

/**
 * Stands in for a rule that cannot be built and has no former build: its readable hosts stay claimed and every path
 * of them that no earlier rule takes answers 503 (fail closed).
 */
export function closedRule<T = unknown>(name: string, content: RuleContent): CompiledRule<T> {
  const hosts: CompiledHost[] = content.hosts.length === 0 ? [anyHost] : [];
  for (const host of content.hosts) {
    try {
      hosts.push(compileHost(host));
    } catch (error) {
      if (!(error instanceof Error)) throw error; // an expression that RE2 refuses: that host is not readable
    }
  }
  const open = { ...emptyPath, rewriteTarget: '' };
  return new CompiledRule<T>(
    name,
    { hosts: [], ipFilter: null, paths: [{ ...open, path: '/*' }] },
    { hosts, ipFilter: null, paths: [compilePath<T>(name, open, 0, unusedSlot)] },
  );
}

const emptyPath: PathContent = {
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
  pipeline: null,
  clientMaxBodySize: 0,
  setHeaders: {},
};

function unusedSlot(): never {
  throw new Error('a path without a pipeline asks for no slot');
}

function compilePath<T>(
  unit: string,
  content: PathContent,
  index: number,
  slot: (pipelineUnit: string) => PipelineSlot<T>,
): CompiledPath<T> {
  const at = `paths[${index}]`;
  const { path, pathPrefix, pathRegexp, rewriteTarget } = content;
  if (rewriteTarget !== '' && path === '' && pathPrefix === '' && pathRegexp === '') {
    throw new RouterBuildError(unit, `${at}.rewriteTarget`, 'needs one of path, pathPrefix and pathRegexp');
  }
  for (const name of Object.keys(content.setHeaders)) {
    if (!isToken(name)) {
      throw new RouterBuildError(unit, `${at}.setHeaders`, `"${name.slice(0, 80)}" is no header name (RFC 9110 5.1)`);
    }
  }
  const headers = content.headers.map((header) => ({ ...header, key: header.key.toLowerCase() }));
  return {
    index,
    exact: path,
    prefix: pathPrefix,
    prefixBytes: Buffer.byteLength(pathPrefix, 'utf8'),
    regexp: pathRegexp === '' ? null : buildAt(unit, `${at}.pathRegexp`, () => compile(pathRegexp)),
    regexpLiteral: anchoredLiteral(pathRegexp),
    methods: content.methods,
    headers: compileConditions(unit, `${at}.headers`, headers, content.matchAllHeader),
    queries: compileConditions(unit, `${at}.queries`, content.queries, content.matchAllQuery),
    ipFilter: compileIpFilter(unit, `${at}.ipFilter`, content.ipFilter),
    rewriteTarget,
    slot: content.pipeline === null ? null : slot(content.pipeline),
    clientMaxBodySize: content.clientMaxBodySize,
    setters: compileHeaderSetters(content.setHeaders),
  };
}

function compilePatterns<T>(unit: string, content: RuleContent, paths: readonly CompiledPath<T>[]): RulePatterns<T> {
  const statics: { text: string; path: PatternPath<T> }[] = [];
  const prefixes = new Set<string>();
  const tree = new PatternTree<PatternPath<T>>();
  for (const [i, path] of paths.entries()) {
    // The content of a closed rule has a pattern where its path has none.
    const text = content.paths[i]?.path ?? '';
    if (text === '') continue; // pathPrefix and pathRegexp do not exist here: such an entry matches nothing
    const pattern = buildAt(unit, `paths[${i}].path`, () => parsePattern(text));
    const { rewriteTarget } = path;
    const rewrite =
      rewriteTarget === ''
        ? null
        : buildAt(unit, `paths[${i}].rewriteTarget`, () => parseRewriteTarget(rewriteTarget, pattern.names));
    const entry = { path, pattern, rewrite };
    if (pattern.isStatic) {
      statics.push({ text, path: entry });
    } else {
      const [first] = pattern.segments;
      prefixes.add(first?.kind === 'static' ? first.text : '');
      tree.add(pattern.segments, entry);
    }
  }
  return { statics, treePrefixes: [...prefixes], tree };
}

/** RFC 9110 5.6.2. */
function isToken(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const letter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
    if (!letter && !(c >= 0x30 && c <= 0x39) && !"!#$%&'*+-.^_`|~".includes(name[i] as string)) return false;
  }
  return name !== '';
}
