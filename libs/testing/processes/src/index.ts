export { makeCertificate, type Certificate } from './certificate';
export { collectGarbage } from './garbage';
export { freePort, makeTempDirectory, type TempDirectory } from './places';
export { makeProgram, type Program } from './program';
export {
  bundlePath,
  startApp,
  stopAll,
  workspaceRoot,
  type AppName,
  type ExitState,
  type RunningApp,
  type StartOptions,
} from './running-app';
export { startTestBroker, type TestBroker } from './test-broker';
export { until, untilAnswered } from './until';
