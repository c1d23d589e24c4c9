import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bannedIn, commentsOf, longSentencesOf, proseOf, WORDS_MAX } from './testing/prose';
import { WORKSPACE_ROOT, workspaceFiles } from './testing/scratch-workspace';

/** Made from comments, or by a bench. */
const GENERATED_DOCUMENTS = /^docs\/(api\/|benchmarks\/\d)/;

const read = (path: string) => readFileSync(join(WORKSPACE_ROOT, path), 'utf8');
const files = workspaceFiles();
const documents = files.filter((path) => /^(docs\/.*|[^/]+)\.md$/.test(path) && !GENERATED_DOCUMENTS.test(path));
const sources = files.filter((path) => /\.m?ts$/.test(path));
const findingsIn = (path: string, texts: readonly string[]) =>
  texts.flatMap((text) => bannedIn(text).map((finding) => `${path}: ${finding}`));

describe('plain English', () => {
  it('is what documents are written in', () => {
    expect(documents.flatMap((path) => findingsIn(path, [proseOf(read(path))]))).toEqual([]);
  });

  it('is what comments are written in', () => {
    expect(sources.flatMap((path) => findingsIn(path, commentsOf(read(path))))).toEqual([]);
  });

  it.each(documents)(`has at most ${WORDS_MAX} words a sentence in %s`, (path) => {
    expect(longSentencesOf(read(path))).toEqual([]);
  });
});

describe('the check of words', () => {
  it('names the phrase and what to write instead', () => {
    expect(bannedIn('Free it, for whoever\n// comes: nobody else.')).toEqual([
      "'whoever': name the part: the caller, the reader, the client",
      "'nobody': no client, no reader; or say it without",
    ]);
    expect(bannedIn('the slowest hundredth')).toEqual(["'slowest hundredth': p99"]);
  });

  it('reads comments and nothing else of a source', () => {
    const source = "const a = 'http://nobody'; // one\n  /** two\n   *  three */\nconst b = '/* no */';\n// four\n";
    expect(commentsOf(source)).toEqual(['// one', '  /** two\n   *  three */', '// four']);
  });

  it('reads prose without code', () => {
    expect(proseOf('A `nobody` b.\n```sh\nnobody\n```\nc')).toBe('A code b.\n\nc');
  });

  it('counts words by sentence, item and cell', () => {
    const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');
    expect(
      longSentencesOf(`${words(20)}. A${words(20)}.\n- ${words(20)}\n- ${words(20)}\n| ${words(20)} | ${words(20)} |`),
    ).toEqual([]);
    expect(longSentencesOf(`${words(13)}\n${words(13)}. End.`)).toEqual([`26 words: ${words(26)}.`]);
    expect(longSentencesOf(`# ${words(20)}\n${words(20)}`)).toEqual([]);
  });
});
