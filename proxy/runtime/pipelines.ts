// The pipelines of one data thread behind their slots. An instance is counted: the slot holds it while it is current,
// each request while it runs; the last to let go disposes the filters that no newer instance carries on.

import type { Unit } from '#proxy/contract/units.ts';
import { buildPipeline, type PipelineInstance, type PipelineKit } from '#proxy/pipeline/pipeline.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { References } from './references.ts';
import type { Staged } from './staged.ts';

type Slot = PipelineSlot<PipelineInstance>;

export class Pipelines {
  readonly slots = new References<Slot>((name) => ({ name, current: null }));
  private readonly kit: Omit<PipelineKit, 'previous'>;

  constructor(kit: Omit<PipelineKit, 'previous'>) {
    this.kit = kit;
  }

  /** Throws when it cannot be built. */
  prepare(unit: Unit<'pipeline'>): Staged {
    const previous = this.slots.find(unit.name)?.current ?? null;
    const instance = buildPipeline(unit, { ...this.kit, previous });
    return {
      commit: () => {
        const slot = this.slots.slot(unit.name);
        const former = slot.current;
        slot.current = instance;
        former?.release();
      },
      discard: () => instance.release(),
    };
  }

  remove(name: string): void {
    const slot = this.slots.find(name);
    if (slot === null || slot.current === null) return;
    slot.current.release();
    slot.current = null;
  }
}
