// Every flag and environment variable of `easegress proxy`. Read once, by the composition root.

import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { oneOf, readSettings } from '#proxy/process/flags.ts';
import { parseDuration } from '#proxy/primitives/duration.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';

const switchField = z.enum(['true', 'false'], 'true or false').transform((text) => text === 'true');

function numberField(min: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a number from ${min} to ${max}`);
}

function durationField() {
  return z
    .string()
    .refine((text) => (parseDuration(text) ?? -1) >= 0, 'a duration such as 500ms or 30s')
    .transform((text) => parseDuration(text) ?? 0);
}

function listField() {
  return z.string().transform((text) => text.split(',').filter((item) => item !== ''));
}

function networksField() {
  return listField().refine(areNetworks, 'IP addresses and CIDR networks with commas between');
}

function areNetworks(entries: readonly string[]): boolean {
  try {
    return new CidrSet(entries).size >= 0;
  } catch {
    return false;
  }
}

const addressField = z
  .string()
  .regex(/^(.*):(\d{1,5})$/, 'an address and port such as 0.0.0.0:9090 or :9090')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  });

export const proxySettingsSchema = z.strictObject({
  name: z.string().min(1).max(253).prefault('proxy').describe('what the proxy calls itself in logs'),
  stateDir: z.string().default('').describe('folder of the last good units; none = nothing is kept'),
  threads: numberField(0, 256)
    .prefault(String(Math.max(1, availableParallelism() - 1)))
    .describe('data threads; 0 = the main thread serves'),
  admin: addressField.prefault(':9090').describe('address of /healthz, /readyz and /metrics'),
  debugPort: numberField(0, 65535).nullable().default(null).describe('port of /debug on loopback; none = off'),
  accessLog: z.string().prefault('stdout').describe('stdout, off, or a file'),
  accessLogFormat: oneOf('text', 'json').prefault('text').describe('text or json'),
  logLevel: oneOf('error', 'warn', 'info', 'debug').prefault('info').describe('error, warn, info or debug'),
  logFormat: oneOf('json', 'text').prefault('json').describe('json or text'),
  portOffset: numberField(0, 65535).prefault('0').describe('added to the port of every listener'),
  operator: listField().default([]).describe('addresses of the operator, host:port with commas between'),
  tokenFile: z.string().default('').describe('file with the token that the proxy shows to the operator'),
  caFile: z.string().default('').describe('file with the certificates that the operator is checked against'),
  ca: z.string().default('').describe('those certificates themselves, as PEM'),
  units: z.string().default('').describe('file with units to serve instead of an operator'),
  trustedPeers: networksField().default([]).describe('CIDRs whose forwarding headers are believed'),
  proxyProtocolFrom: networksField().default([]).describe('CIDRs whose connections begin with a PROXY header'),
  maxConnectionsPerAddress: numberField(0, 1_000_000)
    .prefault('0')
    .describe('connections of one client address on one data thread; 0 = any number'),
  memoryBudget: numberField(1, 65_536)
    .prefault('256')
    .transform((mebibytes) => mebibytes * 1024 * 1024)
    .describe('MiB that one data thread keeps for slow clients and whole bodies before it refuses requests'),
  upstreamIdle: durationField().prefault('5m').describe('time without a byte of an answer that has begun; 0s = any'),
  restrictUpstreams: switchField.prefault('false').describe('refuse upstream addresses of this machine and link'),
  allowUpstreams: networksField().default([]).describe('CIDRs that are allowed all the same'),
  grace: durationField().prefault('5s').describe('time from the signal during which connections are still accepted'),
  deadline: durationField().prefault('30s').describe('time after it for requests to end'),
  maxSeries: numberField(0, 1_000_000).prefault('20000').describe('names that metrics are kept for'),
});

export type ProxySettings = z.infer<typeof proxySettingsSchema>;

export function readProxySettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  return readSettings(proxySettingsSchema, argv, env);
}
