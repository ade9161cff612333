// All that one data thread runs, and how a change becomes part of it: parse what changed, build it beside what runs,
// then put everything in place in one go. Cost follows the change, not the table; what did not change is not touched.
//
//   prepare:  endpoints, certificates · upstreams ─▶ pipelines ─▶ rules ─▶ owners · listeners      each unit fails alone
//   commit:   the same order, less what some thread rejected, then what was removed
//
// Units refer to one another through slots, so nothing is built again because something behind it changed. An empty
// slot answers 503.

import type { LiveChange, Rejection, WireUnit } from '#proxy/contract/messages.ts';
import {
  unitKinds,
  unitReferences,
  type AnyUnit,
  type OwnerContent,
  type Unit,
  type UnitKind,
} from '#proxy/contract/units.ts';
import type { PipelineKit } from '#proxy/pipeline/pipeline.ts';
import type { Log } from '#proxy/process/log.ts';
import { threadCell, type SeriesPages } from '#proxy/process/series.ts';
import type { UpstreamKit } from '#proxy/upstream/upstream-instance.ts';
import { Certificates } from './certificates.ts';
import { Pipelines } from './pipelines.ts';
import { Ports, type PortKit } from './ports.ts';
import { Routes } from './routes.ts';
import type { Staged } from './staged.ts';
import type { ServingPlane } from './thread-host.ts';
import { seriesKey } from './shared-memory.ts';
import type { PrepareStep, ResolvedNames } from './thread-messages.ts';
import { isRejection, readUnit, rejectionOf } from './unit-door.ts';
import { Upstreams } from './upstreams.ts';

export interface PlaneKit {
  readonly log: Log;
  readonly series: SeriesPages;
  readonly upstream: UpstreamKit;
  readonly pipeline: Omit<PipelineKit, 'previous' | 'upstream'>;
  readonly port: PortKit;
}

/** A change between prepare() and its end. */
interface Preparing {
  readonly step: PrepareStep;
  readonly units: AnyUnit[];
  readonly staged: Map<string, Staged>;
  readonly rejected: Map<string, Rejection>;
  /** Notes which unit is being worked on, `` = none: should the thread end, main knows by which. */
  readonly mark: (unit: string) => void;
}

export function createDataPlane(kit: PlaneKit): ServingPlane {
  return new ThreadPlane(kit);
}

class ThreadPlane implements ServingPlane {
  private readonly kit: PlaneKit;
  private readonly upstreams: Upstreams;
  private readonly pipelines: Pipelines;
  private readonly routes: Routes;
  private readonly certificates: Certificates;
  private readonly ports: Ports;
  /** What each unit that runs refers to, to let go of it later. */
  private readonly references = new Map<string, { readonly kind: UnitKind; readonly names: readonly string[] }>();
  private preparing: Preparing | null = null;

  constructor(kit: PlaneKit) {
    this.kit = kit;
    this.upstreams = new Upstreams(kit.upstream);
    this.pipelines = new Pipelines({ ...kit.pipeline, upstream: (name) => this.upstreams.slots.slot(name) });
    this.routes = new Routes((name) => this.pipelines.slots.slot(name));
    this.certificates = new Certificates((listener, host) => this.routes.table(listener).choose(host)?.name ?? null);
    this.ports = new Ports(kit.port, {
      certificates: this.certificates,
      hosts: (listener) => this.routes.table(listener),
      pipeline: (name) => this.pipelines.slots.find(name) ?? undefined,
    });
  }

  async prepare(step: PrepareStep): Promise<readonly Rejection[]> {
    this.abort();
    this.takeSeries(step);
    this.upstreams.begin();
    const change: Preparing = { step, units: [], staged: new Map(), rejected: new Map(), mark: this.marker(step) };
    this.preparing = change;
    for (const wire of step.change.upserts) this.read(wire, change);
    for (const unit of ofKind(change, 'upstream')) {
      stage(change, unit, () => this.upstreams.prepare(unit, step.resolved));
    }
    for (const unit of ofKind(change, 'pipeline')) stage(change, unit, () => this.pipelines.prepare(unit));
    this.prepareRoutes(change);
    await Promise.all(ofKind(change, 'listener').map((unit) => this.prepareListener(unit, change)));
    change.mark('');
    return [...change.rejected.values()];
  }

  commit(rejections: readonly Rejection[]): void {
    const change = this.preparing;
    if (change === null) return;
    this.preparing = null;
    const rejected = new Set(rejections.map((rejection) => rejection.unit));
    const { removes } = change.step.change;
    for (const unit of change.units) {
      if (isLive(unit)) this.setLive(unit);
    }
    const late: [name: string, staged: Staged][] = [];
    for (const [name, staged] of change.staged) {
      change.mark(name);
      if (rejected.has(name)) staged.discard();
      else if (change.step.addresses[name] === undefined) staged.commit();
      else late.push([name, staged]);
    }
    this.routes.commit(removes, rejected);
    for (const unit of ofKind(change, 'owner')) if (!rejected.has(unit.name)) this.certificates.setOwner(unit);
    for (const [name, staged] of late) {
      change.mark(name);
      staged.commit();
    }
    this.refer(change, rejected);
    for (const name of removes) this.remove(name);
    change.mark('');
  }

  abort(): void {
    const change = this.preparing;
    this.preparing = null;
    if (change === null) return;
    for (const staged of change.staged.values()) staged.discard();
    this.routes.forgetStaged();
    for (const unit of change.units) this.sweep(unitReferences(unit));
  }

  live(change: LiveChange): void {
    for (const wire of change.upserts) {
      const unit = readUnit(wire);
      if (isRejection(unit))
        this.kit.log.warn({ unit: wire.name }, 'live unit is not understood; the former one stays');
      else if (isLive(unit)) this.setLive(unit);
    }
    for (const name of change.removes) this.removeLive(name);
  }

  private setLive(unit: LiveUnit): void {
    if (unit.kind === 'endpoints') this.upstreams.setEndpoints(unit.name, unit.content);
    else this.certificates.set(unit.name, unit.content);
  }

  private removeLive(name: string): void {
    this.upstreams.setEndpoints(name, null);
    this.certificates.set(name, null);
  }

  resolved(names: ResolvedNames): void {
    this.upstreams.setResolved(names);
  }

  releaseSeries(names: readonly string[]): void {
    for (const name of names) this.kit.series.release(name);
  }

  async drain(graceMs: number, deadlineMs: number): Promise<void> {
    await this.ports.drain(graceMs, deadlineMs);
    this.upstreams.dispose();
  }

  private marker({ change }: PrepareStep): (unit: string) => void {
    const { cells, base } = this.kit.series.thread;
    const places = new Map(change.upserts.map(({ name }, index) => [name, index + 1]));
    return (unit) => void (cells[base + threadCell.building] = places.get(unit) ?? 0);
  }

  private read(wire: WireUnit, change: Preparing): void {
    change.mark(wire.name);
    const unit = readUnit(wire);
    if (!isRejection(unit)) {
      change.units.push(unit);
      return;
    }
    change.rejected.set(wire.name, unit);
    if (wire.kind === 'rule') this.routes.refuseRule(wire);
  }

  private prepareRoutes(change: Preparing): void {
    const owners = new Map<string, OwnerContent>(ofKind(change, 'owner').map((unit) => [unit.name, unit.content]));
    for (const unit of ofKind(change, 'rule')) {
      attempt(change, unit, () => this.routes.prepareRule(unit, this.routes.semanticsOf(unit.name, owners)));
    }
    for (const unit of ofKind(change, 'owner')) attempt(change, unit, () => this.routes.prepareOwner(unit));
  }

  private async prepareListener(unit: Unit<'listener'>, change: Preparing): Promise<void> {
    const address = change.step.addresses[unit.name];
    if (address === undefined) return;
    change.mark(unit.name);
    const result = await this.ports.prepare(unit, address, change.step.shared);
    if ('diagnostics' in result) change.rejected.set(unit.name, result);
    else change.staged.set(unit.name, result);
  }

  /** Counts the references of what went live and lets go of those of its former build. */
  private refer(change: Preparing, rejected: ReadonlySet<string>): void {
    for (const unit of change.units) {
      const names = unitReferences(unit);
      if (rejected.has(unit.name)) {
        this.sweep(names);
        continue;
      }
      this.slotsOf(unit.kind)?.add(names);
      this.unrefer(unit.name);
      this.references.set(unit.name, { kind: unit.kind, names });
    }
  }

  private unrefer(name: string): void {
    const former = this.references.get(name);
    if (former === undefined) return;
    this.references.delete(name);
    this.slotsOf(former.kind)?.remove(former.names);
    this.sweep(former.names);
  }

  private remove(name: string): void {
    this.unrefer(name);
    this.pipelines.remove(name);
    this.upstreams.remove(name);
    this.removeLive(name);
    this.certificates.removeOwner(name);
    this.ports.remove(name);
    this.sweep([name]);
  }

  /** The slots that units of that kind refer to. */
  private slotsOf(
    kind: UnitKind,
  ): { add(names: readonly string[]): void; remove(names: readonly string[]): void } | null {
    if (kind === 'pipeline') return this.upstreams.slots;
    return kind === 'owner' || kind === 'rule' ? this.pipelines.slots : null;
  }

  private sweep(names: readonly string[]): void {
    this.upstreams.slots.sweep(names, (slot) => slot.current !== null);
    this.pipelines.slots.sweep(names, (slot) => slot.current !== null);
  }

  private takeSeries(step: PrepareStep): void {
    for (const { key, buffer } of step.shared) {
      if (key.startsWith(seriesKey)) this.kit.series.addPage(Number(key.slice(seriesKey.length)), buffer);
    }
    for (const [name, slot] of Object.entries(step.series)) this.kit.series.assign(name, slot);
  }
}

type LiveUnit = Unit<'endpoints'> | Unit<'certificate'>;

function isLive(unit: AnyUnit): unit is LiveUnit {
  return unitKinds[unit.kind].live;
}

function ofKind<K extends UnitKind>(change: Preparing, kind: K): Unit<K>[] {
  return change.units.filter((unit) => unit.kind === kind) as Unit<K>[];
}

function stage(change: Preparing, unit: AnyUnit, build: () => Staged): void {
  attempt(change, unit, () => void change.staged.set(unit.name, build()));
}

/** A builder throws for content that it cannot use; that costs this unit and no other. */
function attempt(change: Preparing, unit: AnyUnit, build: () => void): void {
  change.mark(unit.name);
  try {
    build();
  } catch (error) {
    change.rejected.set(unit.name, rejectionOf(unit, error));
  }
}
