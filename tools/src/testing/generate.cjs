// Runs generators of the workspace in the current directory, as `nx generate` does: node generate.cjs GENERATOR:NAME …
//
// One process for all, so that Nx is loaded once. A generator that fails says why, and the next one runs.
// Nx stores the graph of what is there then.
const { createProjectGraphAsync } = require('@nx/devkit');
const { generate } = require('nx/src/command-line/generate/generate');

async function main() {
  for (const call of process.argv.slice(2)) {
    const [generator, name] = call.split(':');
    await generate({ generator: `./tools:${generator}`, _: [name], interactive: false });
  }
  await createProjectGraphAsync();
  // Nx holds the process open.
  process.exit(0);
}

void main();
