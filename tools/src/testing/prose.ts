// Finds what makes English hard to read: banned phrases and sentences that are too long.

export const WORDS_MAX = 25;

/** Phrases that this project does without, and what to write in their place. */
const BANNED: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\bwhoever\b/, 'name the part: the caller, the reader, the client'],
  [/\bnobody\b/, 'no client, no reader; or say it without'],
  [/\b(?:everybody|somebody)\b/, 'name the part: every client, another process'],
  [
    /\b(?:for|from|by|to) who\b|\bwho is\b|\bwho (?:goes|comes|knows|waits|reads)\b/,
    'name the part; code is no person',
  ],
  [/\bso many\b(?! that)|\bso manieth\b/, 'the number of …, n, every n-th'],
  [/\bslowest hundredth\b/, 'p99'],
  [/\bhalf of the (?:answers|times|acknowledgements)\b/, 'p50'],
  [/\byardsticks?\b/, 'baseline'],
  [/\bplainest\b/, 'minimal, baseline'],
  [/\b(?:is|are) done with\b/, 'has finished with, no longer needs'],
  [/\bthat there (?:is|are)\b/, 'name it without the clause'],
  [/\b(?:goes|gone|going) on\b|\b(?:can|may|will|to|and) go on\b/, 'continues'],
  [/\bas it were\b/, 'nothing'],
  [/\bto and fro\b/, 'back and forth'],
  [/\bforesaw\b/, 'unexpected'],
  [/\bturn(?:s|ed)? (?:\w+ )?away\b/, 'refuses, rejects'],
];

/** Each banned phrase of a text, and what to write instead. */
export function bannedIn(text: string): string[] {
  const line = text.replace(/\s*\n\s*(?:\/\/|\*(?!\/))?\s*/g, ' ');
  return BANNED.flatMap(([phrase, instead]) =>
    [...line.matchAll(new RegExp(phrase, 'gi'))].map(([found]) => `'${found}': ${instead}`),
  );
}

/** The comments of a source. A comment in a text is found only where the text starts a line. */
export function commentsOf(source: string): string[] {
  const found = source.match(/^[ \t]*\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$(?:\n\s*\/\/.*$)*/gm);
  return found ?? [];
}

/** A document without code and link targets. */
export function proseOf(markdown: string): string {
  return markdown
    .replace(/^```[^]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, 'code')
    .replace(/\]\([^)]*\)/g, ']');
}

/** Every sentence of a document with more than `WORDS_MAX` words. A list item and a table's cell end a sentence. */
export function longSentencesOf(markdown: string): string[] {
  const blocks: string[] = [];
  let block = '';
  const end = () => {
    blocks.push(block);
    block = '';
  };
  for (const line of proseOf(markdown).split('\n')) {
    const isHeading = /^#+ /.test(line);
    if (isHeading || /^\s*(?:[-*] |\d+\. |$)/.test(line)) end();
    if (line.startsWith('|')) blocks.push(...line.split('|'));
    else block += ` ${line.replace(/^\s*(?:#+|[-*]|\d+\.) /, '').trim()}`;
    if (isHeading) end();
  }
  end();
  const sentences = blocks.flatMap((text) => text.split(/(?<=[.!?])["*)\]]*\s+(?=["*([]*(?:[A-Z\d]|code\b))/));
  return sentences.flatMap((sentence) => {
    const words = sentence.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word));
    return words.length > WORDS_MAX ? [`${words.length} words: ${words.join(' ')}`] : [];
  });
}
