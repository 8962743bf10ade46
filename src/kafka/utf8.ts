/** Keys and names of headers are short: unit by unit is twice as quick as a call of Node's. */
const SHORT_UNITS = 24;
const ASCII_MAX = 0x7f;

/**
 * Writes text as UTF-8. Half a surrogate pair alone becomes U+FFFD.
 *
 * @param memory must have room for all of it: up to 3 bytes a UTF-16 unit
 * @returns how many bytes it takes
 */
export function writeUtf8(memory: Buffer, at: number, text: string): number {
  if (text.length > SHORT_UNITS) return memory.write(text, at);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > ASCII_MAX) return memory.write(text, at);
    memory[at + index] = unit;
  }
  return text.length;
}
