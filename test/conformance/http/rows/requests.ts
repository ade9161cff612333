// Bytes of requests and answers as rows write them.

/** `line` and whole header lines, CRLF everywhere, then the body. */
export function message(line: string, fields: readonly string[], body = ''): string {
  return `${[line, ...fields].map((each) => `${each}\r\n`).join('')}\r\n${body}`;
}

/** A GET for a.test. */
export function get(target: string, ...fields: readonly string[]): string {
  return message(`GET ${target} HTTP/1.1`, ['Host: a.test', ...fields]);
}

/** A POST for a.test; `fields` frame it. */
export function post(target: string, fields: readonly string[], body: string): string {
  return message(`POST ${target} HTTP/1.1`, ['Host: a.test', ...fields], body);
}

export function ok(fields: readonly string[], body = ''): string {
  return message('HTTP/1.1 200 OK', fields, body);
}
