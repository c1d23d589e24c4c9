export { memoryEngine } from './registration';
