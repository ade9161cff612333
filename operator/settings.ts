// Every flag and environment variable of `easegress operator`. Read once, by the composition root.

import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { oneOf, readSettings } from '#proxy/process/flags.ts';

const addressField = z
  .string()
  .regex(/^(.*):(\d{1,5})$/, 'an address and port such as 127.0.0.1:9443 or :9443')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65535, 'a port up to 65535');

const portField = z
  .string()
  .regex(/^\d{1,5}$/, 'a port up to 65535')
  .transform(Number)
  .refine((port) => port <= 65535, 'a port up to 65535');

export const operatorSettingsSchema = z.strictObject({
  files: z
    .string({ error: 'name the folder or file with manifests, as in --files config/samples' })
    .min(1)
    .describe('folder or file with manifests'),
  listen: addressField.prefault('127.0.0.1:9443').describe('address at which proxies connect'),
  names: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((name) => name !== ''))
    .describe('further names and addresses in the server certificate, with commas between'),
  stateDir: z
    .string()
    .prefault(join(homedir(), '.local', 'state', 'easegress', 'operator'))
    .describe('folder of the certificate authority and the token'),
  tokenFile: z.string().default('').describe('tokens that proxies show; default: `token` in the state folder'),
  admin: addressField.prefault('127.0.0.1:9091').describe('address of /healthz, /readyz and /metrics'),
  debugPort: portField.nullable().default(null).describe('port of /debug on loopback; none = off'),
  logLevel: oneOf('error', 'warn', 'info', 'debug').prefault('info').describe('error, warn, info or debug'),
  logFormat: oneOf('json', 'text').prefault('json').describe('json or text'),
});

export type OperatorSettings = z.infer<typeof operatorSettingsSchema>;

export function readOperatorSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OperatorSettings {
  return readSettings(operatorSettingsSchema, argv, env);
}
