export {
  PIPELINE_LIMITS,
  type PipelineLimits,
  type PipelineObserver,
  type PipelineOptions,
  type PipelineState,
} from './options';
export { runPipeline } from './run-pipeline';
