/** What millrace uses of WebAssembly: TypeScript describes it only together with the whole of the browser. */
declare global {
  namespace WebAssembly {
    class Memory {
      /** `initial` and `maximum` in pages of 64 KB. */
      constructor(descriptor: { initial: number; maximum: number; shared: true });
      readonly buffer: SharedArrayBuffer;
    }
    /** Opaque; told from other objects by its class alone. */
    interface Module {
      readonly [Symbol.toStringTag]: string;
    }
    interface Instance {
      readonly exports: Record<string, unknown>;
    }

    type Imports = Record<string, Record<string, unknown>>;

    function compile(bytes: Uint8Array): Promise<Module>;
    function instantiate(module: Module, imports: Imports): Promise<Instance>;
  }
}

export {};
