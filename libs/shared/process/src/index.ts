export { errorLine, exitCodeOf } from './exit-code';
export { useMemorySettings } from './memory-settings';
export { nodeProcess, type ProcessPort } from './process-port';
export { version } from './version';
