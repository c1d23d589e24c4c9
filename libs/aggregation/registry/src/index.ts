export { engineParts, engineNames, engineSettings, type EngineContext, type EngineName } from './engines';
