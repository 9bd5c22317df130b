// Runs test files that print TAP, or nothing that is known, one by one, and writes one JSON object
// per test to $REPORT/node.jsonl.
// Arguments: the shell line that runs a file, then files, folders and patterns of files.
const { spawnSync } = require("child_process");
const fs = require("fs");
const path = require("path");

const expand = require("./files.cjs");

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

// title -> the lines of its results. With comments as titles (tape), a title has several results.
function readTap(text) {
  const results = new Map();
  let group = "";
  for (const line of text.split("\n")) {
    const comment = /^# (?!Subtest:)(.+)/.exec(line);
    if (comment) group = comment[1].trim();
    const result = /^(not )?ok\b\s*\d*\s*-?\s*([^#]*)(#.*)?/.exec(line);
    if (!result) continue;
    const title = group || result[2].trim();
    if (!results.has(title)) results.set(title, []);
    const isLeftOut = /^#\s*(skip|todo)/i.test(result[3] || "");
    results.get(title).push(isLeftOut ? "skipped" : result[1] ? "failed" : "passed");
  }
  return results;
}

function runFile(line, file) {
  // ava reads files as patterns.
  const word = /(^|[\s/])ava(\s|$)/.test(line) ? file.replace(/[\\*?!()[\]{}]/g, "\\$&") : file;
  const quoted = "'" + word.replace(/'/g, "'\\''") + "'";
  const run = spawnSync("/bin/sh", ["-c", line + " " + quoted + " 2>&1"], { maxBuffer: 1e8 });
  const output = String(run.stdout);
  process.stdout.write("$ " + line + " " + quoted + "\n" + output);
  const absolute = path.resolve(file);
  let anyFailed = false;
  const results = readTap(output);
  for (const [title, statuses] of results) {
    const status = ["failed", "passed", "skipped"].find((one) => statuses.includes(one));
    anyFailed = anyFailed || status === "failed";
    const message = status === "failed" ? output.slice(-2000) : "";
    write({ file: absolute, titles: [title], status, message });
  }
  if (run.status !== 0 && !anyFailed) {
    write({ file: absolute, titles: [], status: "error", message: output.slice(-2000) });
  }
  if (results.size === 0) {
    const status = run.status === 0 ? "passed" : "failed";
    write({ file: absolute, titles: ["(whole file)"], status, message: output.slice(-2000) });
  }
  return run.status === 0;
}

const [line, ...patterns] = process.argv.slice(2);
const passed = expand(patterns).map((file) => runFile(line, file));
write({ end: true });
process.exitCode = passed.every(Boolean) ? 0 : 1;
