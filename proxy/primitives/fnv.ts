// FNV-1 with 32 bits, as Go's hash/fnv New32: what Easegress splits traffic by. It mixes the last byte only by XOR, so
// that values which differ in the last character land side by side; kept so, for equal splits.

/** Each character is one byte, as header values and addresses are held. */
export function fnv1(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash, 16777619) ^ (text.charCodeAt(i) & 255);
  return hash >>> 0;
}
