// What the rooms log with: a constant message and fields. The logger of the main thread is one, a data thread's
// sends each line to main. Access log lines do not come this way.

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
export type LogFields = Readonly<Record<string, unknown>>;
type LogLine = (fields: LogFields, message: string) => void;

/** error = a person must act; warn = degraded and counted; info = life events; debug = per request. */
export interface Log {
  readonly error: LogLine;
  readonly warn: LogLine;
  readonly info: LogLine;
  readonly debug: LogLine;
}

export function logTo(write: (level: LogLevel, fields: LogFields, message: string) => void): Log {
  return {
    error: (fields, message) => write('error', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    info: (fields, message) => write('info', fields, message),
    debug: (fields, message) => write('debug', fields, message),
  };
}
