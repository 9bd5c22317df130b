// Prints the test files that its arguments (files, folders and patterns of files) select, one a line;
// after --file, a word that names one file to node --test, which reads patterns from version 21 on.
const fs = require("fs");
const path = require("path");

const SKIPPED = new Set(["node_modules", ".git", ".coding-agent-kept", "fixtures", "fixture"]);
const SCRIPT = /\.[cm]?[jt]sx?$/;
// What ava and others run if they are given nothing.
const DEFAULT =
  /(^|\/)(test|tests|__tests__|spec)(\/[^_]|\.[cm]?[jt]sx?$)|[.-]test\.|(^|\/)test-|\.spec\./;

function allFiles(folder) {
  const files = [];
  for (const entry of fs.readdirSync(folder || ".", { withFileTypes: true })) {
    const name = folder ? folder + "/" + entry.name : entry.name;
    if (entry.isDirectory() && !SKIPPED.has(entry.name)) files.push(...allFiles(name));
    else if (entry.isFile() && SCRIPT.test(name)) files.push(name);
  }
  return files.sort();
}

function expression(pattern) {
  const parts = pattern.replace(/^\.\//, "").split(/(\*\*\/?|\*|\{[^{}]*\})/);
  const source = parts.map((part) => {
    if (part === "**/" || part === "**") return "(?:.*/)?" + (part === "**" ? "[^/]*" : "");
    if (part === "*") return "[^/]*";
    if (part.startsWith("{")) {
      return "(?:" + part.slice(1, -1).split(",").map(quote).join("|") + ")";
    }
    return quote(part);
  });
  return new RegExp("^" + source.join("") + "$");
}

function quote(text) {
  return text.replace(/[.+?^$()[\]{}|\\]/g, "\\$&");
}

function expand(patterns) {
  const files = allFiles("");
  if (patterns.length === 0) {
    return files.filter((file) => DEFAULT.test(file) && !/\.d\.ts$/.test(file));
  }
  const chosen = new Set();
  for (const pattern of patterns) {
    const plain = path.posix.normalize(pattern).replace(/\/$/, "");
    const glob = expression(pattern);
    for (const file of files) {
      const isNamed = file === plain || file === plain + ".js" || glob.test(file);
      if (isNamed || file.startsWith(plain + "/")) chosen.add(file);
    }
  }
  return [...chosen];
}

function nameFile(file) {
  const readsPatterns = Number(process.versions.node.split(".")[0]) >= 21;
  return readsPatterns ? file.replace(/[*?[{]/g, "[$&]") : file;
}

module.exports = expand;
if (require.main === module) {
  const [first, ...others] = process.argv.slice(2);
  if (first === "--file") console.log(nameFile(others[0]));
  else {
    const patterns = process.argv.slice(2);
    const files = expand(patterns);
    // Given no file, node --test would run whatever looks like a test.
    console.log((files.length > 0 ? files : patterns).join("\n"));
  }
}
