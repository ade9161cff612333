// How a filter kind is called where capitals are not used.

/** `RateLimiter` → `rate-limiter`, `SimpleHTTPProxy` → `simple-http-proxy`. */
export function folderOf(kind: string): string {
  return kind
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .toLowerCase();
}
