// Jest's way to load a Lua script as text, as the bundler's loader `text` does.
module.exports = {
  process: (text) => ({ code: `module.exports = ${JSON.stringify(text)};` }),
};
