// A listener with one owner, its rules and its pipelines of scripts, without sockets: a request goes in as an
// exchange, the answer and the record come out.

import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import type { Body, RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { FilterDefinition } from '#proxy/pipeline/filter.ts';
import { type PipelineInstance, buildPipeline } from '#proxy/pipeline/pipeline.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { HostTable } from '#proxy/router/host-table.ts';
import { compileOwner } from '#proxy/router/owner.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { compileRule } from '#proxy/router/rule.ts';
import type { RequestRecord } from '#proxy/runtime/record.ts';
import type { Upstream } from '#proxy/upstream/upstream.ts';
import { type ListenerRuntime, createRequestHandler } from '#proxy/runtime/request.ts';
import { type PipelineText, type Script, TestKit, pipelineText, scriptedFilter, testPeer } from './pipeline-kit.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

/** A script that answers with `status`. */
export function answer(status: number, result = '', body: Body | null = null): Script {
  return (ctx) => {
    ctx.response = { status, reason: '', headers: new HeaderList(), body };
    return result;
  };
}

export interface WorldText {
  readonly scripts?: Readonly<Record<string, Script>>;
  /** By title; each becomes a slot `pipeline/default/<title>`. Left out = one called `main` with the filter `main`. */
  readonly pipelines?: Readonly<Record<string, PipelineText>>;
  readonly owner?: Partial<OwnerContent>;
  readonly rule?: Partial<RuleContent>;
  /** Of the only rule; left out = any path leads to `main`. */
  readonly paths?: readonly Partial<PathContent>[];
  readonly trusted?: readonly string[];
  /** Kinds beside `Script`. */
  readonly kinds?: readonly FilterDefinition[];
  /** Upstreams that filters of pipelines name. */
  readonly upstreams?: Readonly<Record<string, Upstream>>;
}

export class RequestWorld {
  readonly kit: TestKit;
  readonly records: RequestRecord[] = [];
  readonly slots = new Map<string, PipelineSlot<PipelineInstance>>();
  readonly handler: ReturnType<typeof createRequestHandler>;
  private readonly watchers: (() => void)[] = [];

  constructor(text: WorldText = {}) {
    this.kit = new TestKit(scriptedFilter(text.scripts ?? {}), ...(text.kinds ?? []));
    for (const [name, upstream] of Object.entries(text.upstreams ?? {})) this.kit.upstreams.set(name, upstream);
    for (const [title, pipeline] of Object.entries(text.pipelines ?? { main: { filters: [{ name: 'main' }] } })) {
      const unit = pipelineText({ title, ...pipeline });
      this.slots.set(unit.name, { name: unit.name, current: buildPipeline(unit, this.kit) });
    }
    const hosts = new HostTable<PipelineInstance>();
    const rule = compileRule('rule/web/0', this.ruleContent(text), (name) => this.slotOf(name));
    hosts.set(compileOwner('owner/web', ownerContent(text), [rule]));
    const listener: ListenerRuntime = {
      name: 'listener/default/*:80',
      hosts,
      slot: (name) => this.slots.get(name),
      observer: {
        done: (record) => {
          this.records.push(record);
          for (const wake of this.watchers.splice(0)) wake();
        },
      },
      trustedPeers: new CidrSet(text.trusted ?? []),
      now: this.kit.now,
      wallClock: () => 1_700_000_000_000,
    };
    this.handler = createRequestHandler(listener);
  }

  send(head: Partial<RequestHead> = {}, body: Body | null = null): ScriptedExchange {
    const exchange = new ScriptedExchange({
      head: {
        method: 'GET',
        target: '/',
        authority: 'a.test',
        scheme: 'http',
        headers: HeaderList.of(['Host', 'a.test']),
        ...head,
      },
      body,
      peer: testPeer,
      startedAt: this.kit.clock.now(),
    });
    this.handler(exchange);
    return exchange;
  }

  /** The only record there is. */
  get record(): RequestRecord {
    const [record] = this.records;
    if (record === undefined || this.records.length !== 1) throw new Error(`${this.records.length} records`);
    return record;
  }

  async waitForRecords(count: number): Promise<void> {
    while (this.records.length < count) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  slotOf(name: string): PipelineSlot<PipelineInstance> {
    let slot = this.slots.get(name);
    if (slot === undefined) {
      slot = { name, current: null };
      this.slots.set(name, slot);
    }
    return slot;
  }

  private ruleContent(text: WorldText): RuleContent {
    const paths = text.paths ?? [{}];
    return {
      hosts: [],
      ipFilter: null,
      paths: paths.map((path) => ({
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
        pipeline: 'pipeline/default/main',
        clientMaxBodySize: 0,
        setHeaders: {},
        ...path,
      })),
      ...text.rule,
    };
  }
}

function ownerContent(text: WorldText): OwnerContent {
  return {
    listener: 'listener/default/*:80',
    precedence: { rank: 0, createdAt: '', key: 'web' },
    semantics: 'ordered',
    rules: ['rule/web/0'],
    ipFilter: null,
    xForwardedFor: false,
    clientMaxBodySize: 4 * 1024 * 1024,
    before: null,
    after: null,
    fallthrough: { beforePipeline: false, pipeline: false },
    accessLogFormat: '',
    ...text.owner,
  };
}
