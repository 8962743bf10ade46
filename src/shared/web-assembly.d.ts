/** What millrace uses of WebAssembly: TypeScript describes it only together with the whole of the browser. */
declare namespace WebAssembly {
  class Memory {
    /** `initial` and `maximum` in pages of 64 KB. */
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Record<string, unknown>;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  type Imports = Record<string, Record<string, unknown>>;

  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Imports): Promise<Instance>;
}
