// Prints how Nx would cache the tasks of the workspace in the current directory: node task-hashes.cjs
//
// Each line of standard input is a JSON object of environment variables to be added. Each gives one line of output: by task, the
// hash and, in the first line, the files in it. Nothing is run or cached.
const { createInterface } = require('node:readline');
const { createTaskHasher } = require('nx/src/hasher/create-task-hasher');
const { createProjectGraphAsync } = require('nx/src/project-graph/project-graph');
const { readNxJson } = require('nx/src/config/nx-json');
const { createTaskGraph } = require('nx/src/tasks-runner/create-task-graph');

const TARGETS = ['lint', 'typecheck', 'test', 'int', 'e2e'];

async function main() {
  const graph = await createProjectGraphAsync();
  const taskGraph = createTaskGraph(graph, {}, Object.keys(graph.nodes), TARGETS, undefined, {});
  const tasks = Object.values(taskGraph.tasks);
  let isFirst = true;
  for await (const line of createInterface({ input: process.stdin })) {
    const env = { ...process.env, ...JSON.parse(line) };
    // A new one each time: it remembers what commands have printed.
    const hasher = createTaskHasher(graph, readNxJson(), {});
    const hashed = await hasher.hashTasks(tasks, taskGraph, env, process.cwd(), isFirst);
    const answer = tasks.map(({ id }, index) => [
      id,
      { hash: hashed[index].value, files: isFirst ? hashed[index].inputs.files : undefined },
    ]);
    isFirst = false;
    // The process may end only when all of it is written.
    await new Promise((resolve) => process.stdout.write(`${JSON.stringify(Object.fromEntries(answer))}\n`, resolve));
  }
  // Nx holds the process open.
  process.exit(0);
}

void main();
