import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { delta, pipelineUnit } from '#test/support/units.ts';
import type { SessionAcks } from './acks.ts';
import { createStore, type Store } from '#operator/store/store.ts';
import { diagnostic } from '#proxy/contract/diagnostics.ts';
import type { RawObject } from '#operator/resources/object.ts';
import { startReporter, type Reporter } from './reporter.ts';
import { createStatusTable } from './status.ts';

const origin = { kind: 'Pipeline', namespace: 'default', name: 'a' };

const unit = { ...pipelineUnit('pipeline/default/a'), origins: [origin] };
const joining: SessionAcks = {
  id: 's',
  proxy: 'p',
  quarantined: false,
  holds: () => true,
  applied: () => undefined,
  rejected: new Map(),
};

function object(name: string): RawObject {
  const rest = { createdAt: '', generation: 1, labels: {}, annotations: {}, location: 'a.yaml:1', imported: false };
  return { ...origin, name, spec: {}, ...rest };
}

function world(): {
  lines: string[];
  clock: FakeClock;
  store: Store;
  reporter: Reporter;
  find: (message: string) => void;
} {
  const [lines, clock, store] = [[] as string[], new FakeClock(), createStore()];
  const print = (line: string): void => void lines.push(line);
  const reporter = startReporter({ statuses: createStatusTable(() => 0), store, print, timer: clock.timer });
  const find = (message: string): void => {
    const found = message === '' ? [] : [diagnostic('PipelineInvalid', origin, 'spec', message)];
    const diagnostics = new Map([['Pipeline/default/a', found]]);
    reporter.update({ delta: { upserts: [], removes: [], diagnostics } });
  };
  return { lines, clock, store, reporter, find };
}

describe('the reporter', () => {
  it('tells where an object came to rest, once, and not what passed in between', () => {
    const { lines, clock, store, reporter, find } = world();
    store.apply([{ type: 'upsert', object: object('a') }]);
    reporter.update({ objects: store.takeChanges() });
    find('first');
    find('second');
    expect(lines).toEqual([]);
    clock.advance(300);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('second');
    find('third');
    find('second');
    clock.advance(300);
    expect(lines).toHaveLength(1);
  });

  it('tells that an object is pending only when it stays so', () => {
    const { lines, clock, store, reporter } = world();
    store.apply([{ type: 'upsert', object: object('a') }]);
    reporter.update({ objects: store.takeChanges(), acks: { sessions: [joining] }, delta: delta([unit]) });
    clock.advance(2900);
    expect(lines).toEqual([]);
    clock.advance(300);
    expect(lines).toEqual([expect.stringContaining('pending')]);
    reporter.update({ acks: { sessions: [{ ...joining, applied: () => unit.hash }] }, acked: 'all' });
    clock.advance(300);
    expect(lines[1]).toContain('programmed');
  });

  it('tells that an object is gone only if it was told of', () => {
    const { lines, clock, store, reporter } = world();
    store.apply([{ type: 'upsert', object: object('a') }]);
    reporter.update({ objects: store.takeChanges() });
    clock.advance(300);
    store.apply([{ type: 'upsert', object: object('b') }]);
    reporter.update({ objects: store.takeChanges() });
    store.apply(['a', 'b'].map((name) => ({ type: 'delete', key: { ...origin, name } })));
    reporter.update({ objects: store.takeChanges() });
    clock.advance(300);
    expect(lines.slice(1)).toEqual(['Pipeline default/a: removed']);
  });

  it('tells what is wrong with a file, and when it is right again', () => {
    const { lines, clock, store, reporter } = world();
    const wrong = [diagnostic('InvalidYaml', origin, '', 'line 3 is cut off')];
    store.apply([{ type: 'diagnostics', place: 'web.yaml', diagnostics: wrong }]);
    reporter.update({});
    clock.advance(300);
    reporter.update({});
    clock.advance(300);
    store.apply([{ type: 'diagnostics', place: 'web.yaml', diagnostics: [] }]);
    reporter.update({});
    clock.advance(300);
    expect(lines).toEqual(['web.yaml: line 3 is cut off (InvalidYaml)', 'web.yaml: readable again']);
  });

  it('shows the name of a file on one line and without what a terminal obeys', () => {
    const { lines, clock, store, reporter } = world();
    const place = 'a\nHTTPServer default/web: programmed\u001b[2J\u202e.yaml';
    for (const diagnostics of [[diagnostic('InvalidYaml', origin, '', 'cut off')], []]) {
      store.apply([{ type: 'diagnostics', place, diagnostics }]);
      reporter.update({});
      clock.advance(300);
    }
    expect(lines).toEqual([
      'a�HTTPServer default/web: programmed�[2J�.yaml: cut off (InvalidYaml)',
      'a�HTTPServer default/web: programmed�[2J�.yaml: readable again',
    ]);
  });

  it('prints a hundred lines at most and counts the others', () => {
    const { lines, clock, store, reporter } = world();
    store.apply(Array.from({ length: 250 }, (_, i) => ({ type: 'upsert', object: object(`p-${i}`) })));
    reporter.update({ objects: store.takeChanges() });
    clock.advance(300);
    expect([lines.length, lines.at(-1)]).toEqual([101, 'and 150 more']);
  });
});
