export { createSimClock, settle, type SimClock } from './sim-clock';
export {
  createSimFileSystem,
  type FileCall,
  type FileErrorCode,
  type FileFault,
  type SimFileSystem,
  type SimFileSystemOptions,
} from './sim-file-system';
export { createSimNetwork, type LinkPlan, type SimNetwork } from './sim-network';
export { createSimRandom } from './sim-random';
