export { nodeClock } from './node-clock';
export { nodeFileSystem } from './node-file-system';
export { nodeFileWriter } from './node-file-writer';
export { nodeNetwork } from './node-network';
export { nodeRandom } from './node-random';
