// The state of one look-up: the best candidate so far, and which conditions failed on the way, because the answer
// without a route depends on them (403 before 400 before 405 before 404).

import type { ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { headersHold, queriesHold } from './conditions.ts';
import { Captures, type RouteMatch } from './route-match.ts';
import type { CompiledPath, CompiledRule, PatternPath } from './rule.ts';

const noRequest: RequestHead = { method: '', target: '', authority: '', scheme: 'http', headers: new HeaderList() };

export class Search<T> {
  /** Order number of the best candidate; lower wins. */
  best = Infinity;
  rule: CompiledRule<T> | null = null;
  path: CompiledPath<T> | null = null;
  /** Set beside `path` under the RadixTree semantics. */
  pattern: PatternPath<T> | null = null;
  /** What the pattern captured. */
  values: readonly string[] = [];
  text = '';
  private head: RequestHead = noRequest;
  private realIp = '';
  private ipDenied = false;
  private conditionFailed = false;
  private methodRefused = false;
  private judgedRule: CompiledRule<T> | null = null;
  private judgement = false;

  begin(head: RequestHead, realIp: string, text: string): void {
    this.best = Infinity;
    this.rule = null;
    this.path = null;
    this.pattern = null;
    this.head = head;
    this.realIp = realIp;
    this.text = text;
    this.ipDenied = false;
    this.conditionFailed = false;
    this.methodRefused = false;
    this.judgedRule = null;
  }

  take(order: number, rule: CompiledRule<T>, path: CompiledPath<T>, pattern: PatternPath<T> | null): void {
    this.best = order;
    this.rule = rule;
    this.path = path;
    this.pattern = pattern;
  }

  /** The rule's ipFilter; a denial is remembered for the answer. */
  admits(rule: CompiledRule<T>): boolean {
    if (rule.ipFilter === null) return true;
    if (rule !== this.judgedRule) {
      this.judgedRule = rule;
      this.judgement = rule.ipFilter.allows(this.realIp);
      if (!this.judgement) this.ipDenied = true;
    }
    return this.judgement;
  }

  /** Conditions of a path whose text matched, in Easegress's order. */
  accepts(path: CompiledPath<T>): boolean {
    if (path.methods.length > 0 && !path.methods.includes(this.head.method)) {
      this.methodRefused = true;
      return false;
    }
    if (path.headers !== null && !headersHold(path.headers, this.head.headers)) {
      this.conditionFailed = true;
      return false;
    }
    if (path.queries !== null && !queriesHold(path.queries, this.head.target)) {
      this.conditionFailed = true;
      return false;
    }
    if (path.ipFilter !== null && !path.ipFilter.allows(this.realIp)) {
      this.ipDenied = true;
      return false;
    }
    return true;
  }

  /** Hands the result over and forgets the request. */
  finish(out: RouteMatch<T>): ProxyErrorCode | null {
    const { path, pattern, rule } = this;
    this.head = noRequest;
    this.rule = null;
    this.path = null;
    this.pattern = null;
    this.judgedRule = null;
    if (path === null) {
      if (this.ipDenied) return 'IpDenied';
      if (this.conditionFailed) return 'ConditionFailed';
      return this.methodRefused ? 'MethodNotAllowed' : 'NoRoute';
    }
    out.rule = rule;
    out.path = path;
    out.slot = path.slot;
    if (path.clientMaxBodySize !== 0) out.clientMaxBodySize = path.clientMaxBodySize;
    if (pattern !== null) {
      out.rewrite = pattern.rewrite;
      const { names } = pattern.pattern;
      if (names.length > 0) out.captures = new Captures(names, this.values);
    }
    return path.slot === null || path.slot.current === null ? 'RouteUnavailable' : null;
  }
}
