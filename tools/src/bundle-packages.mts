// What packages need so that they run from a single file.

import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** A package that reads its WebAssembly from a file has another entry, which holds it. */
export const ALIASES: Readonly<Record<string, string>> = {
  '@platformatic/wasm-utils': '@platformatic/wasm-utils/bundled',
};

/**
 * Where a module of a bundle says it is: a place without packages. So an optional package is missing for every user of a
 * bundle, and not found by chance beside it.
 */
export const MODULE_URL = 'file:///dev/null/';

const LOCALES = /^export \* as locales from "\.\.\/locales\/index\.js";$/m;

/** zod without its texts in languages other than English: each bundle would hold all of them. */
export const withoutLocales: Plugin = {
  name: 'without-locales',
  setup(build) {
    build.onLoad({ filter: /[\\/]zod[\\/]v4[\\/](classic[\\/]external|core[\\/]index)\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (LOCALES.test(text)) return { contents: text.replace(LOCALES, ''), loader: 'js' };
      return { errors: [{ text: `${path} has changed: look for its locales` }] };
    });
  },
};

const UNUSED = /^export \* from "\.\/(clients|registries)\/index\.js";$/gm;

/**
 * The entry of @platformatic/kafka without its clients and schema registries, which nothing here uses: a module that is
 * loaded late keeps all that its packages export.
 */
export const withoutKafkaClients: Plugin = {
  name: 'without-kafka-clients',
  setup(build) {
    build.onLoad({ filter: /[\\/]@platformatic[\\/]kafka[\\/]dist[\\/]index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(UNUSED, '');
      if (text.match(UNUSED)?.length === 2) return { contents, loader: 'js' };
      return { errors: [{ text: 'the entry of @platformatic/kafka has changed: look for what is unused' }] };
    });
  },
};
