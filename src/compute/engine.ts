/**
 * Number of the engine. Raised by hand whenever the reference device gives other bytes for the same request;
 * records of another engine cannot be compared.
 */
export const ENGINE = 2;

/** The WebAssembly module of the reference device: the checked bytes are the ones that run. */
export const REFERENCE_MODULE = {
  package: "onnxruntime-web",
  version: "1.30.0",
  file: "ort-wasm-simd-threaded.wasm",
  sha256: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
} as const;
