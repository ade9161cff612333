// The log of a process: one line per event on standard error, a constant message with fields. JSON by pino, or plain
// text for a person at a terminal. Fields that may hold credentials are taken out by name as a last net; code is
// expected not to log them at all.

import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
import { logTo, type Log, type LogLevel } from './log.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  /** Default: standard error. */
  readonly destination?: DestinationStream;
}

const secretFields = ['authorization', 'cookie', 'token', 'key', 'password', 'secret', 'privateKey'];

export function createLogger(options: LoggerOptions): Log {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '<redacted>' },
    },
    options.format === 'json' ? destination : { write: (line: string) => destination.write(textOf(line)) },
  );
  return logTo((level, fields, message) => logger[level](fields, message));
}

/** `07:48:00 info  message key=value`, from pino's line so that redaction is the same. */
function textOf(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(msg)}${rest.join('')}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"]*$/.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}
