// The vocabulary of the rows: each gives an expectation, which says `` or what was seen instead.

import { type Message, valuesOf } from './messages.ts';
import type { Expectation } from './row.ts';

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';

export function all(...expectations: readonly Expectation[]): Expectation {
  return async (seen) => {
    for (const expectation of expectations) {
      const wrong = await expectation(seen);
      if (wrong !== '') return wrong;
    }
    return '';
  };
}

/** The checklist often leaves a choice. */
export function either(...expectations: readonly Expectation[]): Expectation {
  return async (seen) => {
    const wrongs: string[] = [];
    for (const expectation of expectations) {
      const wrong = await expectation(seen);
      if (wrong === '') return '';
      wrongs.push(wrong);
    }
    return wrongs.join(', and ');
  };
}

// ── the client's side ──

/** Statuses of all final answers, in order; the bytes are nothing but answers. */
export function answered(...statuses: readonly number[]): Expectation {
  return ({ client }) => {
    const got = client.answers.map(({ start }) => Number(start[1]));
    if (client.problem !== '') return `the client got ${client.problem} after ${show(got)}`;
    return show(got) === show(statuses) ? '' : `the client got ${show(got)}, not ${show(statuses)}`;
  };
}

export function statusIn(...statuses: readonly number[]): Expectation {
  return ({ client }) => {
    const got = Number(client.answers[0]?.start[1] ?? 0);
    return statuses.includes(got) ? '' : `the client got ${got} ${client.problem}, none of ${show(statuses)}`;
  };
}

export const closed: Expectation = ({ client }) => (client.ended ? '' : 'the connection stayed open');

/** One answer of these, small, and the connection ends. */
export function refused(...statuses: readonly number[]): Expectation {
  return all(statusIn(...statuses), closed, ({ client }) => {
    if (client.answers.length !== 1) return `${client.answers.length} answers`;
    return (client.answers[0]?.body.length ?? 0) < 1024 ? '' : 'a long body of the error';
  });
}

/** Refused, and no byte of it reached the origin. */
export function rejected(...statuses: readonly number[]): Expectation {
  return all(refused(...statuses), untouched);
}

/** Values of a field of answer `index`; none = it must not be there. */
export function answerField(name: string, values: readonly string[], index = 0): Expectation {
  return ({ client }) => fieldIs(client.answers[index], name, values, `answer ${index}`);
}

export function answerBody(body: string, index = 0): Expectation {
  return ({ client }) => {
    const answer = client.answers[index];
    if (answer === undefined) return `there is no answer ${index}`;
    return answer.body === body && answer.whole ? '' : `the body is ${show(answer.body)}, not ${show(body)}`;
  };
}

export function answerFramed(framing: Message['framing'], index = 0): Expectation {
  return ({ client }) => {
    const got = client.answers[index]?.framing;
    return got === framing ? '' : `answer ${index} is framed by ${got}, not ${framing}`;
  };
}

/** The body broke off so that nobody can take it for the whole. */
export const brokenOff: Expectation = ({ client }) => {
  const answer = client.answers[0];
  if (answer === undefined) return client.error === '' && !client.ended ? 'nothing happened' : '';
  if (answer.start[1] === '502' || answer.start[1] === '503') return '';
  if (!answer.whole && (client.ended || client.error !== '')) return '';
  return `the answer ended ${answer.whole ? 'as if it were whole' : 'not at all'}`;
};

export function clientLacks(text: string): Expectation {
  return ({ client }) => (client.text.includes(text) ? `the client got ${show(text)}` : '');
}

export function interims(...statuses: readonly number[]): Expectation {
  return ({ client }) => {
    const got = client.interim.map(({ start }) => Number(start[1]));
    return show(got) === show(statuses) ? '' : `interim answers ${show(got)}, not ${show(statuses)}`;
  };
}

// ── the origin's side ──

export const untouched: Expectation = ({ origin }) => {
  const text = origin.connections.map((connection) => connection.text).join('');
  return text === '' ? '' : `the origin got ${show(text.slice(0, 200))}`;
};

/** So many requests, and nothing but requests. */
export function originGot(count: number): Expectation {
  return ({ origin }) => {
    if (origin.problem !== '') return `the origin got no messages: ${origin.problem}`;
    const whole = origin.requests.filter((request) => request.whole).length;
    return whole === count && origin.requests.length === count ? '' : `the origin got ${whole} requests, not ${count}`;
  };
}

export function originField(name: string, values: readonly string[], index = 0): Expectation {
  return ({ origin }) => fieldIs(origin.requests[index], name, values, `request ${index}`);
}

/** Method and target, byte for byte. */
export function originLine(method: string, target: string, index = 0): Expectation {
  return ({ origin }) => {
    const start = origin.requests[index]?.start;
    const wanted = [method, target, 'HTTP/1.1'];
    return show(start) === show(wanted) ? '' : `the origin got ${show(start)}, not ${show(wanted)}`;
  };
}

export function originBody(body: string, index = 0): Expectation {
  return ({ origin }) => {
    const request = origin.requests[index];
    if (request === undefined) return `the origin got no request ${index}`;
    if (!request.whole) return 'the body is not whole';
    return request.body === body ? '' : `the origin got the body ${show(request.body)}, not ${show(body)}`;
  };
}

export function originLacks(...texts: readonly string[]): Expectation {
  return ({ origin }) => {
    const text = origin.connections.map((connection) => connection.text).join('\n');
    const found = texts.find((each) => text.toLowerCase().includes(each.toLowerCase()));
    return found === undefined ? '' : `the origin got ${show(found)}`;
  };
}

/** 200 with one request at the origin: what most rows begin with. */
export const served: Expectation = all(answered(200), originGot(1));

function fieldIs(message: Message | undefined, name: string, values: readonly string[], what: string): string {
  if (message === undefined) return `there is no ${what}`;
  const got = valuesOf(message.fields, name);
  return show(got) === show(values) ? '' : `${what} has ${name} ${show(got)}, not ${show(values)}`;
}

/** Whatever of a request went upstream, it was cut off there: no whole request, and its connection ended. */
export const unfinished: Expectation = ({ origin }) => {
  const whole = origin.requests.filter((request) => request.whole);
  if (whole.length > 0) return `the origin got ${whole.length} whole requests`;
  return origin.connections.every(({ ended, closed: gone }) => ended || gone) ? '' : 'the upstream connection stayed';
};
