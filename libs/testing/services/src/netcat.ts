// The nc program of OpenBSD, which has the option -N.

import { provideProgram, type Program } from './program';

/** @throws Error with instructions to install it */
export function provideNetcat(): Promise<Program> {
  return provideProgram({ program: 'nc', packages: ['netcat-openbsd', 'libbsd0', 'libmd0'] });
}
