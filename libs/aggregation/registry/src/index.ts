export { createEngine, engineNames, engineSettings, type EngineContext, type EngineName } from './engines';
