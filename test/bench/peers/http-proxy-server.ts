// Arguments: port, upstream port, hosts, log file. Routes by a Map, logs one line per request in batches.

import { createWriteStream } from 'node:fs';
import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';
import { hostNames } from './peer.ts';

const [port, upstreamPort, hosts, logFile = ''] = process.argv.slice(2);
const target = `http://127.0.0.1:${upstreamPort}`;
const routes = new Map(hostNames(Number(hosts)).map((host) => [host, target]));
const log = createWriteStream(logFile, { flags: 'a' });
const proxy = httpProxy.createProxyServer({ agent: new Agent({ keepAlive: true, maxSockets: 1024 }) });

let lines = '';
setInterval(() => {
  if (lines !== '') log.write(lines);
  lines = '';
}, 100);

proxy.on('error', (_error, _request, response) => {
  if ('writeHead' in response && !response.headersSent) response.writeHead(502).end();
});

createServer((request, response) => {
  const route = routes.size === 0 ? target : routes.get(request.headers.host ?? '');
  response.on('close', () => {
    lines += `${new Date().toISOString()} ${request.socket.remoteAddress} ${request.method} ${request.url} ${response.statusCode}\n`;
  });
  if (route === undefined) response.writeHead(404).end();
  else proxy.web(request, response, { target: route });
}).listen(Number(port), '127.0.0.1', 4096);
