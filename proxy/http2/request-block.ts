// The head of a request as it goes upstream, as a field block. Pseudo-fields first, framing is ours alone, and what is
// of one connection is left out again, because a filter may have built or changed the request. What must not be sent
// makes the whole head invalid, and nothing of it goes out.

import type { RequestHead, Scheme } from '#proxy/exchange/exchange.ts';
import { classes, isTarget, validToken } from '#proxy/http1/chars.ts';
import { noBody, viaName, viaValue } from '#proxy/http1/client-head.ts';
import { outgoing, outgoingName, type OutgoingName } from './outgoing-fields.ts';
import type { Sender } from './sender.ts';

export interface RequestLine {
  /** Text put before the target; `` for none. */
  readonly pathPrefix: string;
  readonly host: string;
  readonly scheme: Scheme;
  /** Bytes of the body: -1 = unknown, -2 = there is none. */
  readonly bodyLength: number;
}

const methodName: OutgoingName = { use: outgoing.plain, index: 2, name: ':method', repeats: false };
const pathName: OutgoingName = { use: outgoing.plain, index: 4, name: ':path', repeats: false };
const authorityName: OutgoingName = { use: outgoing.plain, index: 1, name: ':authority', repeats: true };
const lengthName = outgoingName('content-length');
const via = outgoingName(viaName);
/** Whatever the client takes, this side takes trailers; gRPC servers insist on the word. */
const te: OutgoingName = { ...outgoingName('te'), repeats: true };
const indexed = { get: 2, post: 3, root: 4, http: 6, https: 7 } as const;
/** The fields that we add. */
const added = 160;

/** Bytes sent, 0 when the head is invalid. */
export function sendRequest(sender: Sender, stream: number, request: RequestHead, line: RequestLine): number {
  const { method, target, headers } = request;
  const path = line.pathPrefix === '' || target === '*' ? target : line.pathPrefix + target;
  if (!validToken(method) || !validPath(path)) return 0;
  const extra = added + method.length + path.length + line.host.length;
  sender.beginBlock(headers, extra);
  if (!putFields(sender, request, line, path)) {
    sender.abandonBlock();
    return 0;
  }
  return sender.endBlock(stream, line.bodyLength === noBody);
}

function putFields({ encoder }: Sender, request: RequestHead, line: RequestLine, path: string): boolean {
  const { method } = request;
  if (method === 'GET') encoder.indexed(indexed.get);
  else if (method === 'POST') encoder.indexed(indexed.post);
  else encoder.field(methodName, method);
  encoder.indexed(line.scheme === 'https' ? indexed.https : indexed.http);
  if (path === '/') encoder.indexed(indexed.root);
  else encoder.field(pathName, path);
  if (!encoder.field(authorityName, line.host)) return false;
  const { names, values } = request.headers;
  for (let i = 0; i < names.length; i++) {
    const name = outgoingName(names[i] as string);
    switch (name.use) {
      case outgoing.dropped:
      case outgoing.te:
      case outgoing.host:
      case outgoing.contentLength:
        continue;
      case outgoing.invalid:
        return false;
      default:
    }
    // Between the gateway and the origin; the client did not speak to it (RFC 9110 11.7.1).
    if (name.name === 'proxy-authorization' || name.name === 'proxy-authenticate') continue;
    if (!encoder.field(name, values[i] as string)) return false;
  }
  encoder.field(via, viaValue);
  encoder.field(te, 'trailers');
  const length = line.bodyLength === noBody ? emptyLength(method) : line.bodyLength;
  if (length >= 0) encoder.field(lengthName, String(length));
  return true;
}

/** Methods whose meaning includes a body say that there is none (RFC 9110 8.6). */
function emptyLength(method: string): number {
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 0 : -1;
}

function validPath(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code > 255 || ((classes[code] as number) & isTarget) === 0) return false;
  }
  return path.length > 0;
}
