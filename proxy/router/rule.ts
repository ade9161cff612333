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
  /** Patterns by the static text that they begin with; the tree starts behind it. */
  readonly trees: readonly { readonly prefix: string; readonly tree: PatternTree<PatternPath<T>> }[];
}

/** Longest static text that a pattern with captures may begin with. */
export const longestPatternPrefix = 4095;

/** More than any object may state; the order numbers of look-ups leave room for so many. */
const maxPaths = 100_000;

export class CompiledRule<T = unknown> {
  readonly name: string;
  /** What it claims. A rule without hosts claims any; an unreadable one may claim nothing. */
  readonly hosts: readonly CompiledHost[];
  /** Same for rules with the same hosts. */
  readonly hostsKey: string;
  readonly ipFilter: IpFilter | null;
  readonly paths: readonly CompiledPath<T>[];
  /** Pattern of a path without text; `` = such a path matches nothing. */
  private readonly openPattern: string;
  private parsed: RulePatterns<T> | null = null;

  constructor(
    name: string,
    parts: { hosts: readonly CompiledHost[]; ipFilter: IpFilter | null; paths: readonly CompiledPath<T>[] },
    openPattern = '',
  ) {
    this.name = name;
    this.hosts = parts.hosts;
    this.hostsKey = parts.hosts
      .map((host) => host.key)
      .toSorted()
      .join('\n');
    this.ipFilter = parts.ipFilter;
    this.paths = parts.paths;
    this.openPattern = openPattern;
  }

  /** The paths read as patterns, parsed at the first call. Throws RouterBuildError. */
  patterns(): RulePatterns<T> {
    this.parsed ??= compilePatterns(this.name, this.paths, this.openPattern);
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
  if (content.paths.length > maxPaths) {
    throw new RouterBuildError(name, 'paths', `has ${content.paths.length} entries; ${maxPaths} are possible`);
  }
  const hosts = content.hosts.map((host, i) => buildAt(name, `hosts[${i}].value`, () => compileHost(host)));
  const rule = new CompiledRule<T>(name, {
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
  const paths = [compilePath<T>(name, emptyPath, 0, unusedSlot)];
  return new CompiledRule<T>(name, { hosts, ipFilter: null, paths }, '/*');
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
    // What every request needs stands together.
    slot: content.pipeline === null ? null : slot(content.pipeline),
    clientMaxBodySize: content.clientMaxBodySize,
    setters: compileHeaderSetters(content.setHeaders),
    rewriteTarget,
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
  };
}

function compilePatterns<T>(unit: string, paths: readonly CompiledPath<T>[], openPattern: string): RulePatterns<T> {
  const statics: { text: string; path: PatternPath<T> }[] = [];
  const trees = new Map<string, PatternTree<PatternPath<T>>>();
  for (const [i, path] of paths.entries()) {
    const text = path.exact === '' ? openPattern : path.exact;
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
      continue;
    }
    const [first, ...behind] = pattern.segments;
    const prefix = first?.kind === 'static' ? first.text : '';
    if (prefix.length > longestPatternPrefix) {
      throw new RouterBuildError(unit, `paths[${i}].path`, `is longer than ${longestPatternPrefix} characters`);
    }
    const tree = trees.get(prefix) ?? new PatternTree<PatternPath<T>>();
    trees.set(prefix, tree);
    tree.add(first?.kind === 'static' ? behind : pattern.segments, entry);
  }
  return { statics, trees: Array.from(trees, ([prefix, tree]) => ({ prefix, tree })) };
}

/** No condition: the text alone decides. */
export function isPlain<T>(path: CompiledPath<T>): boolean {
  return path.methods.length === 0 && path.headers === null && path.queries === null && path.ipFilter === null;
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
