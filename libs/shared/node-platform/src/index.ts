export { nodeClock } from './node-clock';
export { nodeFileSystem } from './node-file-system';
export { startNodeFileWriter, type NodeFileWriter } from './node-file-writer';
export { nodeNetwork } from './node-network';
export { nodeRandom } from './node-random';
