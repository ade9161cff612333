import { describe, expect, it } from 'vitest';
import { type PipelineText, type Script, nodesOf, startFlow, testContext } from '#test/support/pipeline-kit.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { type RequestContext, pending } from './filter.ts';
import { misuse } from './misuse.ts';
import type { FlowEnd } from './pipeline.ts';

const three: PipelineText['filters'] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
const gone = new ProxyError('ClientAbort', 'client left');

interface Case {
  name: string;
  flow?: PipelineText['flow'];
  results?: Record<string, string>;
  ran: string[];
  end: FlowEnd;
}

const table: Case[] = [
  { name: 'a missing flow runs all filters once, as defined', ran: ['a()', 'b()', 'c()'], end: 'passed' },
  {
    name: 'the flow decides the order',
    flow: [{ filter: 'c' }, { filter: 'a' }],
    ran: ['c()', 'a()'],
    end: 'passed',
  },
  { name: 'END stops', flow: [{ filter: 'a' }, { filter: 'END' }, { filter: 'b' }], ran: ['a()'], end: 'ended' },
  { name: 'END alone runs nothing', flow: [{ filter: 'END' }], ran: [], end: 'ended' },
  {
    name: 'a result that is not mapped ends the flow',
    results: { a: 'failed' },
    ran: ['a(failed)'],
    end: 'ended',
  },
  {
    name: 'a result with another mapping ends the flow too',
    flow: [{ filter: 'a', jumpIf: { other: 'c' } }, { filter: 'b' }, { filter: 'c' }],
    results: { a: 'failed' },
    ran: ['a(failed)'],
    end: 'ended',
  },
  {
    name: 'a mapped result jumps over nodes',
    flow: [{ filter: 'a', jumpIf: { failed: 'c' } }, { filter: 'b' }, { filter: 'c' }],
    results: { a: 'failed' },
    ran: ['a(failed)', 'c()'],
    end: 'passed',
  },
  {
    name: 'a mapping for the empty result lets a success jump',
    flow: [{ filter: 'a', jumpIf: { '': 'c' } }, { filter: 'b' }, { filter: 'c' }],
    ran: ['a()', 'c()'],
    end: 'passed',
  },
  {
    name: 'a jump to END ends',
    flow: [{ filter: 'a', jumpIf: { failed: 'END' } }, { filter: 'b' }],
    results: { a: 'failed' },
    ran: ['a(failed)'],
    end: 'ended',
  },
  {
    name: 'the empty result may jump to END',
    flow: [{ filter: 'a', jumpIf: { '': 'END' } }, { filter: 'b' }],
    ran: ['a()'],
    end: 'ended',
  },
  {
    name: 'a jump passes over END nodes in between',
    flow: [{ filter: 'a', jumpIf: { failed: 'c' } }, { filter: 'b' }, { filter: 'END' }, { filter: 'c' }],
    results: { a: 'failed' },
    ran: ['a(failed)', 'c()'],
    end: 'passed',
  },
  {
    name: 'an alias names the node, and the trace shows it',
    flow: [{ filter: 'a', jumpIf: { failed: 'again' } }, { filter: 'b' }, { filter: 'b', alias: 'again' }],
    results: { a: 'failed' },
    ran: ['a(failed)', 'again()'],
    end: 'passed',
  },
  {
    name: 'an aliased END is a jump target',
    flow: [{ filter: 'a', jumpIf: { failed: 'stop' } }, { filter: 'b' }, { filter: 'END', alias: 'stop' }],
    results: { a: 'failed' },
    ran: ['a(failed)'],
    end: 'ended',
  },
  {
    name: 'a filter may stand in the flow twice',
    flow: [{ filter: 'a' }, { filter: 'a', alias: 'second' }],
    ran: ['a()', 'second()'],
    end: 'passed',
  },
];

/** The three ways of giving a result mean the same. */
const ways: Record<string, (result: string) => Script> = {
  'at once': (result) => () => result,
  'by complete() before handle returns': (result) => (ctx) => {
    ctx.complete(result);
    return pending;
  },
  'by complete() later': (result) => (ctx) => {
    queueMicrotask(() => ctx.complete(result));
    return pending;
  },
  'by a promise': (result) => () => Promise.resolve(result),
};

describe.each(Object.keys(ways))('a flow whose filters answer %s', (way) => {
  it.each(table)('$name', async ({ flow, results = {}, ran, end }) => {
    const script = ways[way] as (result: string) => Script;
    const scripts = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, script(results[name] ?? '')]));
    const { ctx, ends } = startFlow({ filters: three, ...(flow === undefined ? {} : { flow }) }, scripts);
    await new Promise(setImmediate);
    expect(nodesOf(ctx)).toEqual(ran);
    expect(ends).toEqual([end]);
  });
});

describe('a flow', () => {
  it('answers before run() returns when its filters do', () => {
    expect(startFlow({ filters: three }, {}).ends).toEqual(['passed']);
  });

  it('measures each node by itself', () => {
    const { ctx } = startFlow({ filters: three }, {});
    expect(ctx.traces).toEqual([
      {
        pipeline: 'line',
        steps: ['a', 'b', 'c'].map((node) => ({ node, result: '', durationMs: 0 })),
      },
    ]);
  });

  it('gives data.PIPELINE to its filters and no way to change it for others', () => {
    let seen: unknown;
    const { ends } = startFlow(
      { filters: [{ name: 'a' }, { name: 'b' }], data: { list: [1] } },
      {
        a: (ctx) => {
          ctx.data['own'] = 1;
          seen = ctx.data;
          return '';
        },
        b: (ctx) => {
          (ctx.data['PIPELINE'] as { list: number[] }).list.push(2);
          return '';
        },
      },
    );
    expect(seen).toEqual({ own: 1, PIPELINE: { list: [1] } });
    expect(ends).toEqual(['failed']);
  });

  it('survives thousands of nodes that answer at once without deepening the stack', () => {
    const flow = Array.from({ length: 20_000 }, (_, index) => ({ filter: 'a', alias: `n${index}` }));
    const early: Script = (ctx) => {
      ctx.complete('');
      return pending;
    };
    expect(startFlow({ filters: three, flow }, { a: early }).ends).toEqual(['passed']);
  });
});

describe('a filter that fails', () => {
  it.each<[string, Script]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['throws what is no Error', () => Promise.reject('text' as unknown as Error)],
    ['rejects', () => Promise.reject(new Error('broken'))],
  ])('%s: the client gets 500 and the flow is over', async (_, script) => {
    const before = misuse.failures;
    const { ctx, ends } = startFlow({ filters: three }, { b: script });
    await new Promise(setImmediate);
    expect(ends).toEqual(['failed']);
    expect(nodesOf(ctx)).toEqual(['a()', 'b(failed)']);
    expect(ctx.answer).toMatchObject({ status: 500, body: null });
    expect(ctx.answer?.headers.length).toBe(0);
    expect(ctx.failure).toMatchObject({ code: 'FilterFailed', layer: 'pipeline', source: 'internal' });
    expect(ctx.failure?.message).toContain('filter b: ');
    expect(misuse.failures).toBe(before + 1);
  });

  it('does not leave the answer that was there before', () => {
    const { ctx } = startFlow(
      { filters: three },
      {
        a: (context) => {
          context.response = { status: 200, reason: '', headers: testHeaders(context), body: null };
          return '';
        },
        b: () => {
          throw new Error('broken');
        },
      },
    );
    expect(ctx.answer?.status).toBe(500);
  });
});

describe('complete()', () => {
  /** Runs a → b where b waits; returns what a held and what b held. */
  function parkedAt(
    second: Script,
    first: Script,
  ): { contexts: RequestContext[]; ends: FlowEnd[]; ran: () => string[] } {
    const contexts: RequestContext[] = [];
    const keep =
      (script: Script): Script =>
      (ctx) => {
        contexts.push(ctx);
        return script(ctx);
      };
    const { ctx, ends } = startFlow({ filters: [{ name: 'a' }, { name: 'b' }] }, { a: keep(first), b: keep(second) });
    return { contexts, ends, ran: () => nodesOf(ctx) };
  }
  const early: Script = (ctx) => {
    ctx.complete('');
    return pending;
  };

  it('of a former node cannot end the turn of a later one', () => {
    const before = misuse.lateCompletes;
    const { contexts, ends, ran } = parkedAt(() => pending, early);
    contexts[0]?.complete('failed');
    expect(ends).toEqual([]);
    expect(misuse.lateCompletes).toBe(before + 1);
    contexts[1]?.complete('');
    expect(ends).toEqual(['passed']);
    expect(ran()).toEqual(['a()', 'b()']);
  });

  it.each<[string, Script]>([
    [
      'twice within handle',
      (ctx) => {
        ctx.complete('');
        ctx.complete('failed');
        return pending;
      },
    ],
    [
      'beside a result',
      (ctx) => {
        ctx.complete('failed');
        return '';
      },
    ],
    [
      'beside a promise',
      (ctx) => {
        queueMicrotask(() => ctx.complete('failed'));
        return new Promise((resolve) => void setImmediate(() => resolve('')));
      },
    ],
  ])('%s: the extra one is ignored and counted', async (_, script) => {
    const before = misuse.lateCompletes;
    const { ctx, ends } = startFlow({ filters: [{ name: 'a' }] }, { a: script });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(ends).toEqual(['passed']);
    expect(nodesOf(ctx)).toEqual(['a()']);
    expect(misuse.lateCompletes).toBe(before + 1);
  });

  it('after the flow has ended is ignored and counted', () => {
    const before = misuse.lateCompletes;
    const { contexts, ends } = parkedAt(early, early);
    contexts[1]?.complete('');
    contexts[0]?.complete('');
    expect(ends).toEqual(['passed']);
    expect(misuse.lateCompletes).toBe(before + 2);
  });
});

describe('an abort', () => {
  it('tells the waiting filter once and ends the flow', () => {
    const causes: ProxyError[] = [];
    const { ctx, ends } = startFlow(
      { filters: three },
      {
        a: (context) => {
          context.onAbort = (cause) => causes.push(cause);
          return pending;
        },
      },
    );
    ctx.abort(gone);
    ctx.abort(new ProxyError('Internal', 'second'));
    expect(causes).toEqual([gone]);
    expect(ends).toEqual(['aborted']);
    expect(ctx.aborted).toBe(gone);
    expect(nodesOf(ctx)).toEqual(['a(aborted)']);
  });

  it('takes the result that the filter gives while it is told, and still runs nothing more', () => {
    const { ctx, ends } = startFlow(
      { filters: three },
      {
        a: (context) => {
          context.onAbort = () => context.complete('');
          return pending;
        },
      },
    );
    ctx.abort(gone);
    expect(ends).toEqual(['aborted']);
    expect(nodesOf(ctx)).toEqual(['a()']);
  });

  it('is not told to a filter whose turn is over', () => {
    let told = 0;
    const { ctx, ends } = startFlow(
      { filters: three },
      {
        a: (context) => {
          context.onAbort = () => told++;
          return '';
        },
        b: () => pending,
      },
    );
    ctx.abort(gone);
    expect(told).toBe(0);
    expect(ends).toEqual(['aborted']);
  });

  it.each<[string, Script]>([
    ['answers at once', () => ''],
    ['would wait', () => pending],
    ['promises', () => new Promise(() => {})],
  ])('inside handle() of a filter that %s ends the flow', (_, script) => {
    const ctx = testContext();
    const { ends } = startFlow(
      { filters: three },
      {
        a: (context) => {
          ctx.abort(gone);
          return script(context);
        },
      },
      ctx,
    );
    expect(ends).toEqual(['aborted']);
    expect(nodesOf(ctx)).toHaveLength(1);
  });

  it('before the flow starts runs nothing', () => {
    const ctx = testContext();
    ctx.abort(gone);
    expect(startFlow({ filters: three }, {}, ctx).ends).toEqual(['aborted']);
    expect(nodesOf(ctx)).toEqual([]);
  });

  it('makes a later complete() void and counted, and a later promise void', async () => {
    const before = misuse.lateCompletes;
    let settle: (result: string) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const waiting = startFlow({ filters: three }, { a: () => pending });
    const promised = startFlow({ filters: three }, { a: () => new Promise((resolve) => (settle = resolve)) });
    const failing = startFlow({ filters: three }, { a: () => new Promise((_, fail) => (reject = fail)) });
    for (const { ctx } of [waiting, promised, failing]) ctx.abort(gone);
    waiting.ctx.complete('');
    settle('');
    reject(new Error('too late'));
    await new Promise(setImmediate);
    for (const { ends, ctx } of [waiting, promised, failing]) {
      expect(ends).toEqual(['aborted']);
      expect(nodesOf(ctx)).toEqual(['a(aborted)']);
    }
    expect(misuse.lateCompletes).toBe(before + 1);
  });

  it('survives an onAbort that throws', () => {
    const { ctx, ends } = startFlow(
      { filters: three },
      {
        a: (context) => {
          context.onAbort = () => {
            throw new Error('broken');
          };
          return pending;
        },
      },
    );
    ctx.abort(gone);
    expect(ends).toEqual(['aborted']);
  });
});

function testHeaders(ctx: RequestContext) {
  return (ctx.request as NonNullable<RequestContext['request']>).headers.clone();
}
