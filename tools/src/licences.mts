// The licence texts of the npm packages in a bundle.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE_ROOT = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;
const RULE = '-'.repeat(80);

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

/**
 * @param inputs the files of a bundle, as esbuild names them
 * @throws Error for a package without a licence: it may not be shipped
 */
export function licencesOf(inputs: readonly string[]): string {
  const roots = new Set(inputs.flatMap((input) => PACKAGE_ROOT.exec(input)?.[1] ?? []));
  const texts = [...roots].map(licenceOf).sort();
  return ['This bundle contains the packages below.', ...new Set(texts)].join(`\n\n${RULE}\n`);
}

function licenceOf(root: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
  const files = readdirSync(root)
    .filter((file) => LICENCE_FILE.test(file))
    .sort();
  if (files.length === 0 && license === undefined) throw new Error(`${name} ${version} in ${root} has no licence`);
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8').trim());
  return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n');
}
