export { watchReadiness } from './watch-readiness';
export {
  startHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type JsonRoute,
  type Readiness,
} from './http-server';
export { httpAuthSetting, httpSettings, type HttpSettings } from './http-settings';
export { createMetrics, type CounterHandle, type GaugeHandle, type HistogramHandle, type Metrics } from './metrics';
