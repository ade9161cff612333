// What the contract suite of the exchange asks of an adapter and of the client that talks to it.

import type { ExchangeHandler } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

export interface ContractRequest {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: HeaderList;
  /** Length of a body that follows by send() and finish(); -1 = unknown; left out = none. */
  readonly bodyLength?: number;
  readonly acceptsTrailers?: boolean;
  readonly upgrade?: boolean;
  /** The client ends its side with the request and still reads. */
  readonly halfClose?: boolean;
}

export interface ContractClient {
  readonly informs: readonly { status: number; headers: HeaderList }[];
  /** 0 while there is no final head. */
  readonly status: number;
  readonly headers: HeaderList;
  readonly text: string;
  readonly trailers: HeaderList | null;
  readonly ending: 'open' | 'clean' | 'broken';
  /** False while what was sent backs up on the client's side. */
  readonly writable: boolean;
  send(data: Buffer): void;
  finish(trailers?: HeaderList | null): void;
  reset(): void;
  pause(): void;
  resume(): void;
  until(condition: () => boolean): Promise<void>;
}

export interface ContractServer {
  request(request: ContractRequest): ContractClient;
  close(): Promise<void>;
}

export interface ContractAdapter {
  readonly name: string;
  /** Whether the protocol knows half-closed connections and upgrades. */
  readonly connections: boolean;
  serve(handler: ExchangeHandler): Promise<ContractServer>;
}

/** Conditions that are tried again whenever something has changed. */
export class Changes {
  private watchers: (() => void)[] = [];

  notify(): void {
    for (const watcher of this.watchers.splice(0)) watcher();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }
}
