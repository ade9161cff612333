// `node test/support/proxy-process.ts FLAGS`: a proxy as a process of its own, for tests of signals and exit codes.

import { runProxy } from '#proxy/main.ts';
import { readProxySettings } from '#proxy/settings.ts';

await runProxy(readProxySettings(process.argv.slice(2), {}));
