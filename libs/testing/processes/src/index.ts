export { freePort, makeTempDirectory, type TempDirectory } from './places';
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
