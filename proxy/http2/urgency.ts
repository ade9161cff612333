// Urgency of a request (RFC 9218 4.1): 0 is served first, 7 last. The field itself goes on to the origin as it came;
// `i` is passed on but not acted upon, because streams of the same urgency take turns in any case.

export const defaultUrgency = 3;

/** Of the value of `priority` or of PRIORITY_UPDATE. What cannot be read counts as not said. */
export function urgencyOf(value: string): number {
  let urgency = defaultUrgency;
  let start = 0;
  for (let i = 0; i <= value.length; i++) {
    if (i < value.length && value.charCodeAt(i) !== 0x2c) continue;
    const member = value.slice(start, i).trim();
    start = i + 1;
    if (!member.startsWith('u=')) continue;
    const digit = member.charCodeAt(2) - 48;
    const alone = member.length === 3 || member.charCodeAt(3) === 0x3b;
    // The last one of the same name counts (RFC 9651 3.2).
    urgency = alone && digit >= 0 && digit <= 7 ? digit : defaultUrgency;
  }
  return urgency;
}
