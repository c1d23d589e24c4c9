export {
  type PartitionsView,
  type PartitionStatus,
  type PipelineLimits,
  type PipelineObserver,
  type PipelineOptions,
  type PipelineState,
} from './options';
export { type LiveAnswer, type LiveSum, type LiveWindow, LiveWindows } from './windows/live-window';
export { runPipeline } from './run-pipeline';
