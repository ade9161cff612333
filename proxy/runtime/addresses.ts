// Which addresses this process listens on. Before data threads bind a new port, main takes the lock of that address,
// binds it once alone to see that nobody else is there, and learns what port 0 became. A failure is the rejection of
// that listener, never more; the runtime tries it again.

import { createServer } from 'node:net';
import { diagnostic, type DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import type { Rejection } from '#proxy/contract/messages.ts';
import type { ListenerContent, Unit } from '#proxy/contract/units.ts';
import { takeLock, type AddressLock } from './address-lock.ts';
import type { BindAddress } from './thread-messages.ts';

interface Claim {
  /** `host:port` as the unit states it. */
  readonly stated: string;
  readonly address: BindAddress;
  readonly lock: AddressLock | null;
}

export class Addresses implements AsyncDisposable {
  private readonly portOffset: number;
  /** By name of the listener's unit. */
  private readonly claims = new Map<string, Claim>();

  constructor(portOffset: number) {
    this.portOffset = portOffset;
  }

  /** Where the unit binds, or why it cannot. A claim that stands is given back as it is. */
  async claim(unit: Unit<'listener'>): Promise<BindAddress | Rejection> {
    const { address: host, port: statedPort } = unit.content;
    const stated = statedText(unit.content);
    const known = this.claims.get(unit.name);
    if (known?.stated === stated) return known.address;
    if (known !== undefined) await this.release(unit.name);

    const port = statedPort === 0 ? 0 : statedPort + this.portOffset;
    if (port > 65_535) return rejectionOf(unit, 'PortNotPermitted', `port ${port} is above 65535`);
    const lock = port === 0 ? null : await takeLock(lockName(host, port));
    if (lock === null && port !== 0) {
      return rejectionOf(unit, 'PortInUse', `another proxy listens on ${textOf(host, port)}`);
    }
    try {
      const address = { host, port: this.has(port) ? port : await probe(host, port) };
      this.claims.set(unit.name, { stated, address, lock: lock ?? (await takeLock(lockName(host, address.port))) });
      return address;
    } catch (error) {
      await lock?.release();
      return bindRejection(unit, { host, port }, error);
    }
  }

  /** After the threads have closed it. */
  async release(name: string): Promise<void> {
    const claim = this.claims.get(name);
    this.claims.delete(name);
    await claim?.lock?.release();
  }

  of(name: string): BindAddress | null {
    return this.claims.get(name)?.address ?? null;
  }

  all(): Record<string, BindAddress> {
    return Object.fromEntries([...this.claims].map(([name, claim]) => [name, claim.address]));
  }

  /**
   * One of our own listens there, on another address: the former listener of a server whose address was changed. A
   * probe would find us, and nobody else can come in between; threads bind beside it with reusePort.
   */
  private has(port: number): boolean {
    return port !== 0 && [...this.claims.values()].some(({ address }) => address.port === port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.claims.keys()) await this.release(name);
  }
}

/** The rejection for a bind that failed, here or in a data thread. */
export function bindRejection(unit: Unit<'listener'>, address: BindAddress, error: unknown): Rejection {
  const where = textOf(address.host, address.port);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return rejectionOf(unit, 'PortInUse', `another process listens on ${where}`);
    case 'EACCES':
      return rejectionOf(unit, 'PortNotPermitted', `this process has no right to listen on ${where}`);
    case 'EADDRNOTAVAIL':
      return rejectionOf(unit, 'PortNotPermitted', `${address.host} is no address of this machine`);
    default: {
      const reason = error instanceof Error ? error.message : String(error);
      return rejectionOf(unit, 'BuildFailed', `cannot listen on ${where}: ${reason}`);
    }
  }
}

/** True for a rejection that may heal without a new unit. */
export function mayHeal(rejection: Rejection): boolean {
  return rejection.diagnostics.some(({ code }) => code === 'PortInUse' || code === 'PortNotPermitted');
}

function rejectionOf(unit: Unit<'listener'>, code: DiagnosticCode, message: string): Rejection {
  const origin = unit.origins[0] ?? { kind: 'listener', namespace: '', name: unit.name };
  return { unit: unit.name, diagnostics: [diagnostic(code, origin, 'spec.port', message)] };
}

/** Binds without reusePort, which fails when anybody at all is there, and gives the port back. */
function probe(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: bindHost(host), port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

/** `::` takes IPv4 as well; Node falls back to 0.0.0.0 only when no host is given. */
function bindHost(host: string): string | undefined {
  return host === '' ? undefined : host;
}

function statedText(content: ListenerContent): string {
  return textOf(content.address, content.port);
}

function textOf(host: string, port: number): string {
  const shown = host === '' ? '*' : host.includes(':') ? `[${host}]` : host;
  return `${shown}:${port}`;
}

function lockName(host: string, port: number): string {
  return textOf(host === '0.0.0.0' || host === '::' ? '' : host, port);
}
