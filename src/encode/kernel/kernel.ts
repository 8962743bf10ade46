// The kernel: all that touches every byte. AssemblyScript, compiled to dist/src/encode/kernel/kernel{,.debug}.wasm.
// Stateless: every call is told where its input, output and scratch lie, so that main and workers share one memory.

export { copy, fill } from './copy';
export { crcFold } from './crc-fold';
export { encodeLines } from './lines';
export { lz4Frame } from './lz4';
export { murmur2 } from './murmur2';
export { snappyBlock } from './snappy';
