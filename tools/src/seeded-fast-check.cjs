// Stands in for fast-check in specs: its default seed is the clock, so a cached pass would be a matter of luck.
//
// A path, since Jest maps the package's name to this file.
const fc = require('../../node_modules/fast-check/lib/cjs/fast-check.js');

fc.configureGlobal({ seed: Number(process.env.PULSES_TEST_SEED ?? 1) });

module.exports = fc;
