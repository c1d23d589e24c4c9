// Checks the messages of the commits since a base: node tools/src/check-commits.mts <base>
//
// Guarantees: exit code 1 when one has a fault, which is named with its commit. Merges are passed by.

import { execFileSync } from 'node:child_process';
import { faultsOf } from './commit-message.mts';

const [base] = process.argv.slice(2);
if (base === undefined) throw new TypeError('usage: check-commits.mts <base>');

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' });
const commits = git('rev-list', '--no-merges', '--reverse', `${base}..HEAD`).split('\n').filter(Boolean);
for (const commit of commits) {
  const message = git('log', '-1', '--format=%B', commit);
  const [subject = ''] = message.split('\n');
  for (const fault of faultsOf(message)) {
    console.error(`${commit.slice(0, 9)} "${subject}": ${fault}`);
    process.exitCode = 1;
  }
}
