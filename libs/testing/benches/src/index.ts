export { check, isSmoke, sized, until } from './checks';
export { latencyOf, measurementSchema, report, skip, type Measure, type Measurement } from './measurement';
export { sendPaced } from './pacer';
export {
  cpuSeconds,
  mainThreadCpuSeconds,
  peakMemoryMiB,
  residentMemoryMiB,
  storedBytes,
  writtenBytes,
} from './process-figures';
export { createPulsePool, type PulseBatch, type PulsePool } from './pulse-pool';
export { createSamples, median, type Samples } from './samples';
export { jsonParse, jsonParseBaseline, syncedRoundTrips, syncedWrites, type ParseCost } from './baselines';
