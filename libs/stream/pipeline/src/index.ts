export {
  PIPELINE_LIMITS,
  type PipelineLimits,
  type PipelineObserver,
  type PipelineOptions,
  type PipelineState,
} from './options';
export { LIVE_SUMS_MAX, type LiveSum, type LiveWindow, LiveWindows } from './windows/live-window';
export { runPipeline } from './run-pipeline';
