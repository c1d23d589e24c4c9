export { createMemoryEngine } from './memory-engine';
