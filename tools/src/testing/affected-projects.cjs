// Prints which projects Nx selects for commits of the workspace in the current directory: node affected-projects.cjs COMMIT …
//
// Each commit is compared with its parent and gives one line of output, a JSON array of names. The graph of projects is
// made once.
const { readNxJson } = require('nx/src/config/nx-json');
const { filterAffected } = require('nx/src/project-graph/affected/affected-project-graph');
const { calculateFileChanges } = require('nx/src/project-graph/file-utils');
const { createProjectGraphAsync } = require('nx/src/project-graph/project-graph');
const { parseFiles } = require('nx/src/utils/command-line-utils');

async function main() {
  const graph = await createProjectGraphAsync();
  const nxJson = readNxJson();
  for (const commit of process.argv.slice(2)) {
    const range = { base: `${commit}~1`, head: commit };
    const changes = calculateFileChanges(parseFiles(range).files, range);
    const { nodes } = await filterAffected(graph, changes, nxJson);
    console.log(JSON.stringify(Object.keys(nodes).sort()));
  }
  // Nx holds the process open.
  process.exit(0);
}

void main();
