// All rows of the checklist. A number that is missing or there twice fails the run.

import type { LaterRow, Row } from '../row.ts';
import { chunked } from './chunked.ts';
import { forwarding } from './forwarding.ts';
import { hopByHop } from './hop-by-hop.ts';
import { hostAndTarget } from './host-and-target.ts';
import { http2 } from './http2.ts';
import { interim } from './interim.ts';
import { later } from './later.ts';
import { limits } from './limits.ts';
import { methods } from './methods.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { requestFraming } from './request-framing.ts';
import { responseFraming } from './response-framing.ts';
import { tunnels } from './tunnels.ts';

export const rows: readonly Row[] = [
  ...hopByHop,
  ...hostAndTarget,
  ...requestFraming,
  ...chunked,
  ...interim,
  ...responseFraming,
  ...methods,
  ...tunnels,
  ...limits,
  ...forwarding,
  ...proxyProtocol,
  ...http2,
];

export const laterRows: readonly LaterRow[] = later;
