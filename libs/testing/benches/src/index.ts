export { check, isSmoke, sized, until } from './checks';
export { latencyOf, measurementSchema, report, skip, type Measure, type Measurement } from './measurement';
export { sendPaced } from './pacer';
export { cpuSeconds, mainThreadCpuSeconds, peakMemoryMiB } from './process-figures';
export { createPulsePool, type PulseBatch, type PulsePool } from './pulse-pool';
export { createSamples, histogramPercentiles, type Percentiles, type Samples } from './samples';
export { echoRoundTrips, jsonParseBaseline, lineAppends, syncedWrites } from './baselines';
