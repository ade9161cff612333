// Answers "what would serve this request, and why": the page /debug/explain?url=http://a.test:8080/b&method=GET. It
// runs the real router over the units that are accepted, whole for the verdict and then path by path for the reasons,
// so that it cannot tell another story than the traffic's. Not for the hot path: tables are built for each question.

import type { WireUnit } from '#proxy/contract/messages.ts';
import {
  unitKinds,
  type OwnerContent,
  type PipelineContent,
  type RuleContent,
  type UnitContent,
  type UnitKind,
} from '#proxy/contract/units.ts';
import { proxyErrors, type ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { applyRoute } from '#proxy/router/apply.ts';
import { HostTable } from '#proxy/router/host-table.ts';
import { compileOwner, type OwnerRouter } from '#proxy/router/owner.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { RouteMatch } from '#proxy/router/route-match.ts';
import { closedRule, compileRule, type CompiledRule } from '#proxy/router/rule.ts';

type Units = ReadonlyMap<string, WireUnit>;
type Rule = CompiledRule<PipelineContent>;

export interface Explanation {
  /** One sentence. */
  readonly answer: string;
  readonly status: number | null;
  readonly listener: string | null;
  readonly owner: string | null;
  /** The objects that the owner came from. */
  readonly origins: readonly string[];
  readonly rule: string | null;
  /** Position of the path in its rule. */
  readonly path: number | null;
  readonly pipeline: {
    readonly name: string;
    readonly flow: readonly string[];
    readonly upstreams: readonly string[];
  } | null;
  /** What upstream would be asked for. */
  readonly target: string | null;
  /** The owner's paths up to the one that takes the request, each with its verdict. */
  readonly considered: readonly string[];
}

const mostConsidered = 200;

/** `query` is that of the page. `portOffset` is what the proxy adds to the port of every listener. */
export function explainRequest(units: Units, portOffset: number, query: Readonly<Record<string, string>>): unknown {
  let url: URL;
  try {
    url = new URL(query['url'] ?? '');
  } catch {
    return {
      error: 'state ?url=, as in /debug/explain?url=http://a.test:8080/path; also method, ip and header=Name:value',
    };
  }
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  const listener = ofKind(units, 'listener').find(({ content }) => content.port + portOffset === port);
  if (listener === undefined) return nothing(`nothing listens on port ${port}`);
  const head = headOf(url, query);
  const ip = query['ip'] ?? '127.0.0.1';
  const routers = routersOf(units, listener.unit.name);
  const table = new HostTable<PipelineContent>();
  for (const router of routers.values()) table.set(router);
  const owner = table.choose(head.authority);
  if (owner === null) {
    const answer = `404: nobody on ${listener.unit.name} claims the host ${JSON.stringify(url.hostname)}`;
    return { ...nothing(answer), status: 404, listener: listener.unit.name };
  }
  const match = new RouteMatch<PipelineContent>();
  const refusal = owner.route(head, ip, match);
  return explained(units, { owner, match, refusal, head, ip, listener: listener.unit.name });
}

interface Found {
  readonly owner: OwnerRouter<PipelineContent>;
  readonly match: RouteMatch<PipelineContent>;
  readonly refusal: ProxyErrorCode | null;
  readonly head: RequestHead;
  readonly ip: string;
  readonly listener: string;
}

function explained(units: Units, found: Found): Explanation {
  const { owner, match, refusal, ip, listener } = found;
  const origins = units.get(owner.name)?.origins ?? [];
  const slot = match.slot;
  const sent = { ...found.head, headers: found.head.headers.clone() };
  applyRoute(match, sent, ip);
  return {
    answer: answerOf(refusal, slot?.name ?? null),
    status: refusal === null ? null : proxyErrors[refusal].status,
    listener,
    owner: owner.name,
    origins: origins.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
    rule: match.rule?.name ?? null,
    path: match.path?.index ?? null,
    pipeline: slot === null ? null : pipelineOf(slot),
    target: match.path === null ? null : sent.target,
    considered: consider(units, found),
  };
}

function answerOf(refusal: ProxyErrorCode | null, pipeline: string | null): string {
  if (refusal === null) return `served by ${pipeline ?? ''}`;
  return `${proxyErrors[refusal].status}: ${verdicts[refusal] ?? refusal}`;
}

/** Words for what the router says. */
const verdicts: Partial<Record<ProxyErrorCode, string>> = {
  NoRoute: 'no path matches',
  MethodNotAllowed: 'the path matches, the method does not',
  ConditionFailed: 'the path matches, its header or query conditions do not hold',
  IpDenied: 'the address is not allowed',
  RouteUnavailable: 'the path matches, but its pipeline is not usable',
};

function pipelineOf(slot: PipelineSlot<PipelineContent>): Explanation['pipeline'] {
  const content = slot.current;
  const filters = content?.filters ?? [];
  const flow = content?.flow ?? [];
  return {
    name: slot.name,
    flow: flow.length === 0 ? filters.map(({ name, kind }) => `${name} (${kind})`) : flow.map(({ filter }) => filter),
    upstreams: filters.flatMap(({ upstreams }) => Object.values(upstreams)),
  };
}

/** Asks the router about each path alone. */
function consider(units: Units, { owner, match, head, ip }: Found): string[] {
  const lines: string[] = [];
  const scratch = new RouteMatch<PipelineContent>();
  const open = { ...owner.content, ipFilter: null };
  for (const name of owner.content.rules) {
    const content = contentOf(units.get(name), 'rule');
    if (content === null) {
      lines.push(`${name}: cannot be had, so its hosts answer 503`);
      continue;
    }
    const ask = (rule: Rule): ProxyErrorCode | null => compileOwner(owner.name, open, [rule]).route(head, ip, scratch);
    if (ask(closedRule(name, content)) === 'NoRoute') {
      lines.push(`${name}: is for other hosts`);
      continue;
    }
    for (const [index, path] of content.paths.entries()) {
      if (lines.length >= mostConsidered) return [...lines, 'and more'];
      const taken = match.rule?.name === name && match.path?.index === index;
      const code = ask(compileRule(name, { ...content, paths: [path] }, slotOf(units), owner.content.semantics));
      lines.push(
        `${name} path ${index}: ${taken ? 'takes it' : code === null ? 'would match too' : (verdicts[code] ?? code)}`,
      );
      if (taken && owner.content.semantics === 'ordered') return lines;
    }
  }
  return lines;
}

function routersOf(units: Units, listener: string): Map<string, OwnerRouter<PipelineContent>> {
  const slot = slotOf(units);
  const routers = new Map<string, OwnerRouter<PipelineContent>>();
  for (const { unit, content } of ofKind(units, 'owner')) {
    if (content.listener !== listener) continue;
    const rules = content.rules.map((name) => ruleOf(units, name, { slot, semantics: content.semantics }));
    routers.set(unit.name, compileOwner(unit.name, content, rules));
  }
  return routers;
}

interface RuleKit {
  readonly slot: (name: string) => PipelineSlot<PipelineContent>;
  readonly semantics: OwnerContent['semantics'];
}

/** A rule that is not there closes what it might have served, as it does for traffic. */
function ruleOf(units: Units, name: string, { slot, semantics }: RuleKit): Rule {
  const content: RuleContent | null = contentOf(units.get(name), 'rule');
  if (content === null) return closedRule(name, { hosts: [], ipFilter: null, paths: [] });
  return compileRule(name, content, slot, semantics);
}

function slotOf(units: Units): (name: string) => PipelineSlot<PipelineContent> {
  return (name) => ({ name, current: contentOf(units.get(name), 'pipeline') });
}

function ofKind<K extends UnitKind>(units: Units, kind: K): { unit: WireUnit; content: UnitContent<K> }[] {
  return [...units.values()].flatMap((unit) => {
    const content = contentOf(unit, kind);
    return content === null ? [] : [{ unit, content }];
  });
}

function contentOf<K extends UnitKind>(unit: WireUnit | undefined, kind: K): UnitContent<K> | null {
  if (unit?.kind !== kind) return null;
  const parsed = unitKinds[kind].content.safeParse(unit.content);
  // The schema of that kind made it.
  return parsed.success ? (parsed.data as UnitContent<K>) : null;
}

function headOf(url: URL, query: Readonly<Record<string, string>>): RequestHead {
  const headers = HeaderList.of(['Host', url.host]);
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(query['header'] ?? '') ?? [];
  if (name !== undefined && value !== undefined) headers.append(name, value);
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return {
    method: query['method'] ?? 'GET',
    target: `${url.pathname}${url.search}`,
    authority: url.host,
    scheme,
    headers,
  };
}

function nothing(answer: string): Explanation {
  const none = { status: null, listener: null, owner: null, origins: [], rule: null, path: null };
  return { answer, ...none, pipeline: null, target: null, considered: [] };
}
