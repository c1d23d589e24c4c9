export { nodeClock } from './node-clock';
export { nodeFileSystem } from './node-file-system';
export { nodeNetwork } from './node-network';
export { nodeRandom } from './node-random';
