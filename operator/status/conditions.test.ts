import { describe, expect, it } from 'vitest';
import { diagnostic } from '#proxy/contract/diagnostics.ts';
import type { AckState, SessionAcks } from './acks.ts';
import { type Condition, type ConditionInput, conditionsOf, conditionTypes } from './conditions.ts';

const object = { kind: 'HTTPServer', namespace: 'default', name: 'web' };
const unit = 'owner/HTTPServer/default/web';
const units = new Map([[unit, 'h1']]);

const session = (change: Partial<SessionAcks> = {}): SessionAcks => ({
  id: 's',
  proxy: 'proxy-1',
  quarantined: false,
  holds: () => true,
  applied: () => 'h1',
  rejected: new Map(),
  ...change,
});

const input = (change: Partial<ConditionInput> = {}): ConditionInput => ({
  generation: 1,
  diagnostics: [],
  units,
  acks: { sessions: [session()] },
  previous: [],
  ...change,
});

const sessions = (...list: SessionAcks[]): { acks: AckState } => ({ acks: { sessions: list } });
const programmed = (conditions: readonly Condition[]): Condition =>
  conditions.find(({ type }) => type === conditionTypes.programmed) as Condition;
const told = ({ status, reason, message }: Condition): string => `${status} ${reason}: ${message}`;
const refusal = diagnostic('PortInUse', object, 'spec.port', 'port 8080 is in use');
const wasTrue = conditionsOf(input());

describe('conditions', () => {
  it('are all true, for the generation that was seen, when there is nothing to tell', () => {
    expect(conditionsOf(input({ generation: 7 }))).toEqual([
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 7 },
      { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '', observedGeneration: 7 },
      { type: 'Programmed', status: 'True', reason: 'Programmed', message: '', observedGeneration: 7 },
    ]);
  });

  it('an error makes Accepted false with its code, path and message, and counts the others', () => {
    const diagnostics = [
      diagnostic('UnknownField', object, 'spec.a', 'no such field'),
      diagnostic('InvalidField', object, 'spec.port', 'port is 0'),
      diagnostic('BackendMissing', object, 'spec.rules[0].paths[0]', 'no backend'),
    ];
    const [accepted, resolved] = conditionsOf(input({ diagnostics }));
    expect(told(accepted as Condition)).toBe('False InvalidField: spec.port: port is 0 (and 1 more)');
    expect(resolved?.status).toBe('True');
  });

  it('a warning leaves Accepted true and is told', () => {
    const diagnostics = [diagnostic('UnknownField', object, 'spec.a', 'no such field')];
    expect(told(conditionsOf(input({ diagnostics }))[0] as Condition)).toBe(
      'True AcceptedWithWarnings: spec.a: no such field',
    );
  });

  it('a name that leads nowhere makes ResolvedRefs false and leaves Accepted alone', () => {
    const diagnostics = [diagnostic('PipelineNotFound', object, 'spec.rules[0].paths[0].backend', 'no p')];
    const [accepted, resolved] = conditionsOf(input({ diagnostics }));
    expect(accepted?.status).toBe('True');
    expect(told(resolved as Condition)).toBe('False PipelineNotFound: spec.rules[0].paths[0].backend: no p');
  });

  it.each([
    ['nobody is connected', sessions(), 'False NoProxy: No proxy is connected.'],
    [
      'one has not applied it',
      sessions(session(), session({ applied: () => 'h0' })),
      'Unknown Pending: 1 of 2 proxies runs it.',
    ],
    ['none has applied it', sessions(session({ applied: () => undefined })), 'Unknown Pending: 0 of 1 proxy run it.'],
    ['all have applied it', sessions(session(), session()), 'True Programmed: '],
    [
      'one that does not hold it is behind',
      sessions(session(), session({ holds: () => false, applied: () => undefined })),
      'True Programmed: ',
    ],
    [
      'one in quarantine is behind',
      sessions(session(), session({ quarantined: true, applied: () => 'h0' })),
      'True Programmed: ',
    ],
    [
      'all are in quarantine',
      sessions(session({ quarantined: true })),
      'False Unused: No answering proxy needs it: nothing that it serves leads to the object.',
    ],
    [
      'one of two rejects it',
      sessions(session(), session({ rejected: new Map([[unit, [refusal]]]) })),
      'False PortInUse: spec.port: port 8080 is in use (1 of 2 proxies)',
    ],
    [
      'one in quarantine rejects it',
      sessions(session(), session({ quarantined: true, rejected: new Map([[unit, [refusal]]]) })),
      'True Programmed: ',
    ],
    [
      'another unit is rejected',
      sessions(session({ rejected: new Map([['rule/x/0', [refusal]]]) })),
      'True Programmed: ',
    ],
  ])('Programmed when %s', (_, acks, expected) => {
    expect(told(programmed(conditionsOf(input(acks))))).toBe(expected);
  });

  it('Programmed is false when there is nothing to run, and says why', () => {
    const nothing = { units: new Map<string, string>() };
    expect(programmed(conditionsOf(input(nothing))).reason).toBe('Unused');
    const diagnostics = [diagnostic('InvalidField', object, 'spec.port', 'port is 0')];
    expect(programmed(conditionsOf(input({ ...nothing, diagnostics }))).reason).toBe('Refused');
  });

  it.each([
    ['lost', sessions()],
    ['silent', sessions(session({ quarantined: true }))],
    ['joining', sessions(session(), session({ applied: () => undefined }))],
    ['behind', sessions(session({ applied: () => 'h0' }))],
    ['without the unit', sessions(session({ holds: () => false }))],
  ])('for one generation Programmed stays true when sessions are %s', (_, acks) => {
    const again = conditionsOf(input({ ...acks, previous: wasTrue }));
    expect(programmed(again)).toEqual(programmed(wasTrue));
    expect(programmed(conditionsOf(input({ ...acks, previous: wasTrue, generation: 2 }))).status).not.toBe('True');
  });

  it('for one generation Programmed turns false by a rejection, and true again by acks', () => {
    const rejected = conditionsOf(
      input({ ...sessions(session({ rejected: new Map([[unit, [refusal]]]) })), previous: wasTrue }),
    );
    expect(programmed(rejected).status).toBe('False');
    expect(programmed(conditionsOf(input({ previous: rejected }))).status).toBe('True');
  });

  it('tells a rejection without findings as one', () => {
    const conditions = conditionsOf(input(sessions(session({ rejected: new Map([[unit, []]]) }))));
    expect(told(programmed(conditions))).toBe('False BuildFailed: The proxy gave no reason. (1 of 1 proxy)');
  });
});
