export { errorLine, exitCodeOf } from './exit-code';
export { useMemorySettings } from './memory-settings';
export { nodeProcess, type ErrorTerminal, type ProcessPort } from './process-port';
export { version } from './version';
