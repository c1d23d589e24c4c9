import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

const documents = workspaceFiles().filter((path) => /^(docs\/.*|[^/]+)\.md$/.test(path));

/** Without code, where brackets are not links. */
const proseOf = (markdown: string): string => markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');

/** Targets of `[text](target)`, `![text](target)` and `[name]: target`, as far as they are files. */
function relativeTargets(markdown: string): string[] {
  const prose = proseOf(markdown);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const definitions = [...prose.matchAll(/^\[[^\]]+\]:\s*<?([^\s>]+)>?/gm)];
  return [...inline, ...definitions]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** As GitHub makes them from headings, and those that a page names itself. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replace(/^```.*?^```$/gms, '').matchAll(/^#{1,6} +(.+?) *$/gm);
  const anchors = new Set<string>();
  for (const [, heading = ''] of headings) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  for (const [, id = ''] of markdown.matchAll(/<a id="([^"]+)">/g)) anchors.add(id);
  return anchors;
}

function brokenLinksOf(document: string): string[] {
  const markdown = readFileSync(join(WORKSPACE_ROOT, document), 'utf8');
  return relativeTargets(markdown).filter((target) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? document : join(dirname(document), decodeURIComponent(path));
    if (file.startsWith('..') || !existsSync(join(WORKSPACE_ROOT, file))) return true;
    if (anchor === undefined || !file.endsWith('.md')) return false;
    return !anchorsOf(readFileSync(join(WORKSPACE_ROOT, file), 'utf8')).has(anchor);
  });
}

describe('links of the documents', () => {
  it.each(documents)('%s leads to files and headings that exist', (document) => {
    expect(brokenLinksOf(document)).toEqual([]);
  });

  it('are found in every form that Markdown gives them', () => {
    const markdown =
      '[a](x.md) ![b](<y.png> "why") [c](z.md#part) [d](https://example.org) `[e](no.md)`\n\n[f]: w.md\n';
    expect(relativeTargets(markdown)).toEqual(['x.md', 'y.png', 'z.md#part', 'w.md']);
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'docs/architecture.md', 'docs/errors.md']));
  });
});
