// The adapter in memory under the contract suite.

import { requestInMemory } from '#proxy/exchange/memory.ts';
import { Changes, type ContractAdapter, type ContractClient, type ContractRequest } from './exchange-contract.ts';

export const memoryAdapter: ContractAdapter = {
  name: 'memory',
  connections: true,
  async serve(handler) {
    return {
      request: (request: ContractRequest): ContractClient => {
        const changes = new Changes();
        const { method = 'GET', target = '/', headers, bodyLength, upgrade = false } = request;
        const client = requestInMemory(handler, {
          method,
          target,
          upgrade,
          ...(headers === undefined ? {} : { headers }),
          ...(bodyLength === undefined ? {} : { bodyLength }),
        });
        client.onChange = () => changes.notify();
        // A handler that is parked is told of nothing, so the suite looks again on the next turn.
        const until = async (condition: () => boolean): Promise<void> => {
          setImmediate(() => changes.notify());
          await changes.until(condition);
        };
        return Object.assign(client, { until });
      },
      close: async () => {},
    };
  },
};
