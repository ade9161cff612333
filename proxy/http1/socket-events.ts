// Events of a socket, told to the object that owns it. One function per event serves all sockets, so that a
// connection costs no closures; the way to the owner is a property on the socket.

import type { Socket } from 'node:net';

export interface SocketOwner {
  receive(data: Buffer): void;
  inputEnded(): void;
  drained(): void;
  closed(): void;
}

const ownerOf: unique symbol = Symbol('owner');
const transportOf: unique symbol = Symbol('transport');

interface OwnedSocket extends Socket {
  [ownerOf]: SocketOwner;
  [transportOf]?: Socket;
}

/** Makes `owner` the one that is told from now on, in place of an earlier one. */
export function ownSocket(socket: Socket, owner: SocketOwner): void {
  const owned = (socket as Partial<OwnedSocket>)[ownerOf] !== undefined;
  (socket as OwnedSocket)[ownerOf] = owner;
  if (owned) return;
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('drain', onDrain);
  socket.on('error', onError);
  socket.on('close', onClose);
}

function onData(this: Socket, data: Buffer): void {
  (this as OwnedSocket)[ownerOf].receive(data);
}

function onEnd(this: Socket): void {
  (this as OwnedSocket)[ownerOf].inputEnded();
}

function onDrain(this: Socket): void {
  (this as OwnedSocket)[ownerOf].drained();
}

/** `close` follows and tells the rest. */
function onError(): void {}

function onClose(this: Socket): void {
  (this as OwnedSocket)[ownerOf].closed();
}

/**
 * Resets the connection, so that the other side cannot take what it has for a clean end. Once all bytes and our FIN
 * are with the kernel there is nothing left to spoil, and libuv refuses to reset: the socket would never close.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  const transport = (socket as OwnedSocket)[transportOf] ?? socket;
  if (transport.destroyed || (socket.writableEnded && socket.writableLength === 0)) socket.destroy();
  else transport.resetAndDestroy();
}

/** A socket of TLS cannot reset a connection; the one that it is made around can. */
export function tieTransport(socket: Socket, transport: Socket): void {
  (socket as OwnedSocket)[transportOf] = transport;
}
