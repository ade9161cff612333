// The flow of a pipeline: every node names a filter, every jump a declared result and exactly one later node. Without
// `flow` all filters run once, in the order in which they are defined.

import { diagnostic, type Diagnostic, type DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import type { PipelineContent } from '#proxy/contract/units.ts';
import { nearest } from '#proxy/primitives/nearest.ts';
import type { FlowNode } from '#operator/resources/pipeline.ts';
import type { Place } from './references.ts';

export type FlowContent = PipelineContent['flow'];

const end = 'END';

/** `results`: declared results by filter name; null = the filter itself is wrong, which is told elsewhere. */
export function compileFlow(
  flow: readonly FlowNode[],
  results: ReadonlyMap<string, readonly string[] | null>,
  place: Place,
): { readonly flow: FlowContent; readonly diagnostics: readonly Diagnostic[] } {
  if (flow.length === 0) {
    const nodes = [...results.keys()].map((filter) => ({ filter, alias: '', namespace: 'DEFAULT', jumpIf: {} }));
    return { flow: nodes, diagnostics: [] };
  }
  const found: Diagnostic[] = [];
  const add = (code: DiagnosticCode, path: string, message: string): void => {
    found.push(diagnostic(code, place.object, `${place.path}${path}`, message));
  };
  flow.forEach((node, index) => {
    const at = `[${index}]`;
    if (node.filter !== end && !results.has(node.filter)) {
      add(
        'UnknownFlowFilter',
        `${at}.filter`,
        `${node.filter} is no filter of this pipeline${hint(node.filter, results.keys())}`,
      );
    }
    if (node.alias === end)
      add('InvalidJumpTarget', `${at}.alias`, 'END is the end of every flow; choose another alias');
    for (const [result, target] of Object.entries(node.jumpIf)) {
      const declared = node.filter === end ? [] : results.get(node.filter);
      // Unknown filters and filters with errors have their own finding.
      if (declared !== undefined && declared !== null && result !== '' && !declared.includes(result)) {
        const known = declared.length === 0 ? 'none' : declared.join(', ');
        add(
          'UnknownResult',
          `${at}.jumpIf.${result}`,
          `${node.filter} has no result ${result}; its results are: ${known}`,
        );
      }
      const problem = targetProblem(flow, index, target);
      if (problem !== null) add('InvalidJumpTarget', `${at}.jumpIf.${result}`, problem);
    }
  });
  return {
    flow: flow.map(({ filter, alias, namespace, jumpIf }) => ({ filter, alias, namespace, jumpIf })),
    diagnostics: found,
  };
}

function targetProblem(flow: readonly FlowNode[], from: number, target: string): string | null {
  if (target === end) return null;
  const places = flow.flatMap((node, index) => (nameOf(node) === target ? [index] : []));
  const later = places.filter((index) => index > from);
  if (later.length === 1) return null;
  if (later.length > 1)
    return `${later.length} later nodes are called ${target}; give the one that is meant an alias of its own`;
  if (places.length > 0) return `${target} does not come after this node; a jump only goes forward`;
  return `no later node is called ${target}${hint(target, flow.slice(from + 1).map(nameOf))}`;
}

function nameOf(node: FlowNode): string {
  return node.alias === '' ? node.filter : node.alias;
}

function hint(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === null ? '' : `; did you mean ${near}?`;
}
