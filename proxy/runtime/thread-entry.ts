// The file that a worker is started from among sources. In the bundle the command's own entry calls runThread().

import { runThread } from './thread.ts';

runThread();
