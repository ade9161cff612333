// The bytes of the journal: a header line that names the protocol, then records.
//
//   record = length (4 bytes) · CRC-32 of the payload (4 bytes) · payload (JSON of a JournalDelta)
//
// A change is one group of records, all but the last marked `more`; a group counts only as a whole. So whatever
// follows the last whole group, a torn write above all, is dropped, and any prefix of a file is a state that was.

import { crc32 } from 'node:zlib';
import { protocolVersion, type WireUnit } from '#proxy/contract/messages.ts';

export interface JournalDelta {
  /** Version of the view after it, `` when the state is not exactly that of a view. */
  readonly version: string;
  readonly upserts: readonly WireUnit[];
  readonly removes: readonly string[];
  /** The next record belongs to the same change. */
  readonly more: boolean;
}

export interface JournalState {
  version: string;
  readonly units: Map<string, WireUnit>;
}

const anyHeader = Buffer.from('easegress-units ');
export const journalHeader = Buffer.from(`${anyHeader.toString()}1 protocol ${protocolVersion.major}\n`);

const prefixBytes = 8;
/** Units in one record: keeps a record far below the length field and the work per turn small. */
const unitsPerRecord = 512;

export function encodeDelta(delta: JournalDelta): Buffer {
  const payload = Buffer.from(JSON.stringify(delta));
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(payload.length, 0);
  prefix.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([prefix, payload]);
}

/** A change as one group of records. */
export function* encodeChange(change: Omit<JournalDelta, 'more'>): Generator<Buffer> {
  const { version, upserts, removes } = change;
  let from = 0;
  for (; upserts.length - from > unitsPerRecord; from += unitsPerRecord) {
    yield encodeDelta({ version, upserts: upserts.slice(from, from + unitsPerRecord), removes: [], more: true });
  }
  yield encodeDelta({ version, upserts: upserts.slice(from), removes, more: false });
}

export interface DecodedJournal {
  readonly state: JournalState;
  /** Length of the header and the whole groups: where the next record goes. */
  readonly validBytes: number;
}

/** Whether it is a journal at all, of whatever version. */
export function isJournal(bytes: Buffer): boolean {
  return bytes.subarray(0, anyHeader.length).equals(anyHeader) && bytes.includes('\n');
}

/** null when it is no journal of this version at all. */
export function decodeJournal(bytes: Buffer): DecodedJournal | null {
  if (!bytes.subarray(0, journalHeader.length).equals(journalHeader)) return null;
  const state: JournalState = { version: '', units: new Map() };
  let group: JournalDelta[] = [];
  let at = journalHeader.length;
  let validBytes = at;
  for (;;) {
    const payload = payloadAt(bytes, at);
    const delta = payload === null ? null : parseDelta(payload);
    if (payload === null || delta === null) return { state, validBytes };
    at += prefixBytes + payload.length;
    group.push(delta);
    if (delta.more) continue;
    for (const part of group) applyDelta(state, part);
    group = [];
    validBytes = at;
  }
}

function payloadAt(bytes: Buffer, at: number): Buffer | null {
  if (at + prefixBytes > bytes.length) return null;
  const end = at + prefixBytes + bytes.readUInt32BE(at);
  if (end > bytes.length) return null;
  const payload = bytes.subarray(at + prefixBytes, end);
  return crc32(payload) === bytes.readUInt32BE(at + 4) ? payload : null;
}

/** The checksum says that we wrote it; what it holds is checked once more by the schemas when it is applied. */
function parseDelta(payload: Buffer): JournalDelta | null {
  try {
    return JSON.parse(payload.toString()) as JournalDelta;
  } catch {
    return null;
  }
}

function applyDelta(state: JournalState, delta: JournalDelta): void {
  for (const name of delta.removes) state.units.delete(name);
  for (const unit of delta.upserts) state.units.set(unit.name, unit);
  state.version = delta.version;
}
