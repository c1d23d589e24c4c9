// The program nc of OpenBSD, which knows -N.

import { provideProgram, type Program } from './program';

/** @throws Error that says how to get it */
export function provideNetcat(): Promise<Program> {
  return provideProgram({ program: 'nc', packages: ['netcat-openbsd', 'libbsd0', 'libmd0'] });
}
