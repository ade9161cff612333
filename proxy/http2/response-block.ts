// The head of an answer as a field block. Connection-level fields are left out and framing is ours, as in HTTP/1.1;
// a status, name or value that must not be sent makes the whole head invalid, and nothing of it goes out.

import { clock } from '#proxy/http1/clock.ts';
import { withoutListed } from '#proxy/http1/response-head.ts';
import type { ResponseHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { outgoing, outgoingName } from './outgoing-fields.ts';
import type { Sender } from './sender.ts';

/** What becomes of Content-Length. */
export const lengthMode = { none: 0, keep: 1, set: 2 } as const;

export interface Framing {
  readonly mode: number;
  /** Bytes of the body, -1 = unknown. */
  readonly length: number;
  /** Nothing follows. */
  readonly end: boolean;
}

const dateName = outgoingName('date');
const lengthName = outgoingName('content-length');
/** Date and Content-Length that we add. */
const added = 80;

/** Bytes sent, 0 when the head is invalid. */
export function sendHead(sender: Sender, stream: number, head: ResponseHead, framing: Framing): number {
  const { status } = head;
  if (!Number.isInteger(status) || status < 100 || status > 999) return 0;
  const headers = withoutListed(head.headers);
  const { names, values } = headers;
  const { mode, length } = framing;
  sender.beginBlock(headers, added);
  const { encoder } = sender;
  encoder.status(status);
  let dated = status < 200;
  let declared = false;
  for (let i = 0; i < names.length; i++) {
    const name = outgoingName(names[i] as string);
    switch (name.use) {
      case outgoing.dropped:
      case outgoing.te:
        continue;
      case outgoing.contentLength:
        if (mode !== lengthMode.keep || declared) continue;
        declared = true;
        break;
      case outgoing.date:
        dated = true;
        break;
      case outgoing.invalid:
        sender.abandonBlock();
        return 0;
      default:
    }
    if (!encoder.field(name, values[i] as string)) {
      sender.abandonBlock();
      return 0;
    }
  }
  if (!dated) encoder.field(dateName, httpDate());
  if (mode === lengthMode.set || (mode === lengthMode.keep && !declared && length >= 0)) {
    encoder.field(lengthName, String(length));
  }
  return sender.endBlock(stream, framing.end);
}

/** What the gateway answers itself: no body, and no word about the inside. */
export function sendError(sender: Sender, stream: number, status: number): number {
  return sendHead(sender, stream, { status, reason: '', headers: noHeaders }, emptyBody);
}

const noHeaders = new HeaderList();
const emptyBody: Framing = { mode: lengthMode.set, length: 0, end: true };

let dateLine = '';
let date = '';

/** The value in the line that the clock renders once a second. */
function httpDate(): string {
  if (dateLine !== clock.date) {
    dateLine = clock.date;
    date = dateLine.slice('Date: '.length, -2);
  }
  return date;
}
