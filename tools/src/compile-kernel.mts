// Compiles the ingest kernel from AssemblyScript: node tools/src/compile-kernel.mts [--check]
//
// Writes the bytes as base64 text into a TypeScript file, so that the bundler and Jest load it as any other module. --check
// writes nothing and ends with 1 when the file is not what the sources compile to.

import { readFileSync, writeFileSync } from 'node:fs';

interface Compiler {
  main(
    args: readonly string[],
    io: { writeFile(name: string, contents: Uint8Array | string): void },
  ): Promise<{ readonly error: Error | null; readonly stderr: { toString(): string } }>;
}

/** By a name that the type checker does not follow: the compiler's own types redeclare those of Node. */
const COMPILER: string = 'assemblyscript/asc';
const { main } = (await import(COMPILER)) as Compiler;

const SOURCE = 'libs/stream/pipeline/assembly/ingest-kernel.ts';
const TARGET = 'libs/stream/pipeline/src/kernel/kernel-bytes.ts';
const OPTIMISED = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge', '--noAssert'];
const BARE = ['--runtime', 'stub', '--enable', 'simd', '--importMemory', '--noExportMemory', '--zeroFilledMemory'];

let compiled: Uint8Array | undefined;
const { error, stderr } = await main([SOURCE, '--outFile', 'kernel.wasm', ...OPTIMISED, ...BARE], {
  writeFile(_name, contents) {
    if (typeof contents !== 'string') compiled = contents;
  },
});
if (error !== null || compiled === undefined) throw new Error(`${SOURCE} does not compile:\n${stderr.toString()}`);

const text = `// The compiled kernel. Written by tools/src/compile-kernel.mts from assembly/; do not edit.

export const KERNEL_BASE64 =
  '${Buffer.from(compiled).toString('base64')}';
`;
if (process.argv[2] !== '--check') writeFileSync(TARGET, text);
else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error(`${TARGET} is not what assembly/ compiles to; node tools/src/compile-kernel.mts writes it`);
  process.exitCode = 1;
}
