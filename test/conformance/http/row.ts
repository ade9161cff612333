// What a row of the checklist is in this suite: the bytes of the client, what the origin does, and what must then have
// been seen on both sides. Rows are data; how a case is played is play.ts, what became of it is verdict.ts.

import type { Draw } from './draw.ts';
import type { ClientSide, OriginSide } from './play.ts';
import type { Message } from './messages.ts';

/** A balancer's address, whose connections begin with a PROXY header. */
export const relayAddress = '127.0.0.99';

export interface Row {
  readonly row: number;
  readonly id: string;
  /** Section that asks for it. */
  readonly source: string;
  /** All of them must hold. */
  readonly cases: (draw: Draw) => readonly Case[];
  /** What a reader of the verdict should know. */
  readonly note?: string;
  /** Unmet on purpose: the decision. Such a row fails the run when it passes. */
  readonly decision?: string;
}

/** A row that needs a part which is not built: it counts as not met. */
export interface LaterRow {
  readonly row: number;
  readonly id: string;
  readonly source: string;
  readonly later: string;
}

export interface Case {
  /** Which variant of the row; `` when there is one only. */
  readonly name?: string;
  /** Bytes of the client, one character per byte, or what it does. */
  readonly client: string | ((client: ClientSide) => Promise<void>);
  /** What happens when a whole request has arrived. Default: 200 with `ok`. */
  readonly origin?: (origin: OriginSide, request: Message) => void;
  /** In place of `origin`: what happens when the head of the first request of a connection is there. */
  readonly early?: (origin: OriginSide) => void;
  /** Final answers that are waited for when the client has done its part. Default: 1. */
  readonly answers?: number;
  /** The gateway must end the connection, and it is waited for. */
  readonly ends?: boolean;
  /** Indexes of answers that answer HEAD. */
  readonly heads?: readonly number[];
  /** Which gateway: `hasty` has short time-outs. */
  readonly world?: 'usual' | 'hasty';
  /** Where the client connects to, and so what its address is. Default: 127.0.0.1. */
  readonly address?: '127.0.0.1' | '::1';
  /** The client's own address, when another than the one it connects to: the gateway takes a PROXY header of it. */
  readonly from?: typeof relayAddress;
  /** Not cut into pieces: what it is about is time, or its size. */
  readonly whole?: boolean;
  /** What reached the origin is no sequence of messages: a tunnel, or cut off on purpose. */
  readonly unjudged?: boolean;
  readonly expect: readonly Expectation[];
}

/** `` when it holds, else what was seen instead. */
export type Expectation = (seen: Seen) => string | Promise<string>;

export interface Seen {
  readonly client: {
    /** Everything that the client received. */
    readonly text: string;
    readonly interim: readonly Message[];
    readonly answers: readonly Message[];
    /** `` or why its bytes are no answers. */
    readonly problem: string;
    readonly ended: boolean;
    /** Code of the socket's error. */
    readonly error: string;
  };
  readonly origin: {
    readonly requests: readonly Message[];
    readonly connections: readonly OriginConnection[];
    readonly problem: string;
  };
  /** Milliseconds from the first byte of the client until what was waited for. */
  readonly tookMs: number;
  /** Lines of the access log about `path`. */
  readonly log: (path: string) => Promise<readonly string[]>;
}

export interface OriginConnection {
  readonly text: string;
  readonly ended: boolean;
  readonly closed: boolean;
}
