#!/usr/bin/env node
// What `npx pulses` runs. npx links the command once and never looks again, so it has to be there before the first build.
'use strict';

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const bundle = join(__dirname, '../../../dist/apps/cli/main.js');
if (existsSync(bundle)) {
  require(bundle);
} else {
  process.stderr.write("pulses: not built yet; run 'npm run build'\n");
  process.exitCode = 2;
}
