import { homedir } from 'node:os';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostNames, type Peer } from './peer.ts';

export const envoy: Peer = {
  name: 'envoy',
  prepare({ dir, port, upstreamPort, hosts, logFile }) {
    const virtualHost = (name: string, domain: string): object => ({
      name,
      domains: [domain],
      routes: [{ match: { prefix: '/' }, route: { cluster: 'origin' } }],
    });
    const virtualHosts =
      hosts === 0 ? [virtualHost('all', '*')] : hostNames(hosts).map((host) => virtualHost(host, host));
    const config = {
      static_resources: {
        listeners: [
          {
            name: 'main',
            address: { socket_address: { address: '127.0.0.1', port_value: port } },
            filter_chains: [
              {
                filters: [
                  {
                    name: 'envoy.filters.network.http_connection_manager',
                    typed_config: {
                      '@type':
                        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                      stat_prefix: 'main',
                      access_log: [
                        {
                          name: 'envoy.access_loggers.file',
                          typed_config: {
                            '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
                            path: logFile,
                          },
                        },
                      ],
                      http_filters: [
                        {
                          name: 'envoy.filters.http.router',
                          typed_config: {
                            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                          },
                        },
                      ],
                      route_config: { name: 'main', virtual_hosts: virtualHosts },
                    },
                  },
                ],
              },
            ],
          },
        ],
        clusters: [
          {
            name: 'origin',
            type: 'STATIC',
            connect_timeout: '10s',
            circuit_breakers: {
              thresholds: [{ max_connections: 8192, max_pending_requests: 8192, max_requests: 8192 }],
            },
            load_assignment: {
              cluster_name: 'origin',
              endpoints: [
                {
                  lb_endpoints: [
                    { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: upstreamPort } } } },
                  ],
                },
              ],
            },
          },
        ],
      },
    };
    const file = path.join(dir, 'envoy.json');
    writeFileSync(file, JSON.stringify(config));
    const cache = process.env['EASEGRESS_CACHE'] ?? path.join(homedir(), '.cache', 'easegress');
    return [
      path.join(cache, 'envoy-1.40', 'envoy'),
      '-c',
      file,
      '--concurrency',
      '1',
      '--log-level',
      'error',
      '--disable-hot-restart',
      '--file-flush-interval-msec',
      '500',
    ];
  },
};
