export { provideNetcat } from './netcat';
export { provideProgram, type Program, type ProgramSource } from './program';
