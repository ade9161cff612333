// Objects after reading: every field has its type, its default and its bounds. What was wrong is told by diagnostics;
// what fail-closed compile needs of a wrong object is in its `refused` marks.

import type { EndpointSliceSpec } from './endpoint-slice.ts';
import type { FilterSpec } from './filter.ts';
import type { GlobalFilterSpec } from './global-filter.ts';
import type { HttpServerSpec } from './http-server.ts';
import type { RawObject } from './object.ts';
import type { PipelineSpec } from './pipeline.ts';
import type { ServiceSpec } from './service.ts';

interface Specs {
  HTTPServer: HttpServerSpec;
  Pipeline: PipelineSpec;
  Filter: FilterSpec;
  GlobalFilter: GlobalFilterSpec;
  Service: ServiceSpec;
  EndpointSlice: EndpointSliceSpec;
}

export type TypedKind = keyof Specs;

export type TypedObject<K extends TypedKind = TypedKind> = {
  [Each in K]: Omit<RawObject, 'kind' | 'spec'> & { readonly kind: Each; readonly spec: Specs[Each] };
}[K];
