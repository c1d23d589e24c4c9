export { createMemoryEngine } from './memory-engine';
export { memoryEngine } from './registration';
