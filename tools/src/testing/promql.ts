// As much of PromQL as a check of names needs: which series and labels an expression uses, and whether its brackets close.

/** Words that look like names and are none. */
const WORDS = new Set([
  'and',
  'or',
  'unless',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'offset',
]);
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

export interface UsedNames {
  readonly series: readonly string[];
  readonly labels: readonly string[];
}

/** @throws Error when a bracket or a text has no end */
export function namesIn(expression: string): UsedNames {
  const withoutTexts = expression.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  assertBalanced(withoutTexts.replaceAll('""', ''), expression);
  const labels: string[] = [];
  const withoutLabels = withoutTexts
    .replace(/\{([^{}]*)\}/g, (_, matchers: string) => {
      labels.push(...[...matchers.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label));
      return '';
    })
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)/g, (_, list: string) => {
      labels.push(...list.split(',').flatMap((label) => label.trim() || []));
      return '';
    })
    .replace(/\[[^[\]]*\]/g, '');
  const series = [...withoutLabels.matchAll(/(?<![\w$.])[a-zA-Z_:][\w:]*(?!\s*\()(?![\w:])/g)]
    .map(([name]) => name)
    .filter((name) => !WORDS.has(name));
  return { series, labels };
}

function assertBalanced(text: string, expression: string): void {
  const open: string[] = [];
  for (const character of text) {
    const closing = CLOSING[character];
    if (closing !== undefined) open.push(closing);
    else if (Object.values(CLOSING).includes(character) && open.pop() !== character)
      throw new Error(`'${character}' closes nothing in: ${expression}`);
    else if (character === '"' || character === "'") throw new Error(`a text has no end in: ${expression}`);
  }
  if (open.length > 0) throw new Error(`'${open.join('')}' is missing in: ${expression}`);
}
