export { errorLine, exitCodeOf } from './exit-code';
export { reexecWithMemoryFlags } from './memory-flags';
export { nodeProcess, type ErrorTerminal, type ProcessPort } from './process-port';
export { version } from './version';
