export {
  PIPELINE_LIMITS,
  type PipelineLimits,
  type PipelineObserver,
  type PipelineOptions,
  type PipelineState,
} from './options';
export {
  createLiveWindows,
  LIVE_SUMS_MAX,
  type LiveSum,
  type LiveWindow,
  type LiveWindows,
} from './windows/live-window';
export { runPipeline } from './run-pipeline';
