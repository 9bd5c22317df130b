// Reporter for node:test: writes one JSON object per test to $REPORT/node.jsonl.
import fs from "node:fs";
import { fileURLToPath } from "node:url";

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

function pathOf(file) {
  return file && file.startsWith("file:") ? fileURLToPath(file) : file || "";
}

function messageOf(details) {
  const error = details.error || {};
  const cause = error.cause || error;
  return String(cause.stack || cause.message || cause);
}

function statusOf(type, data) {
  if (data.skip !== undefined || data.todo !== undefined) return "skipped";
  return type === "test:pass" ? "passed" : "failed";
}

// A suite fails if one of its tests does; only its own failures, such as a hook's, count.
function failedByChild(data) {
  const error = data.details.error || {};
  return error.failureType === "subtestsFailed";
}

function isWholeFile(data, file) {
  if (data.nesting !== 0 || !file) return false;
  return pathOf(data.name) === file || file.endsWith("/" + data.name);
}

export default async function* (source) {
  // file -> titles of the tests that have started and not yet ended, by nesting
  const open = new Map();
  for await (const { type, data } of source) {
    if (type === "test:start") {
      const titles = open.get(data.file) || [];
      titles.length = data.nesting;
      titles[data.nesting] = data.name;
      open.set(data.file, titles);
    }
    if (type !== "test:pass" && type !== "test:fail") continue;
    const isSuite = data.details.type === "suite";
    const failed = type === "test:fail";
    if ((isSuite && !failed) || (failed && failedByChild(data))) continue;
    const file = pathOf(data.file);
    const parents = (open.get(data.file) || []).slice(0, data.nesting);
    // The runner reports a file that crashed under the file's own name.
    const message = failed ? messageOf(data.details) : "";
    if (isWholeFile(data, file)) {
      // The runner reports a file without tests, or one that crashed, under the file's own name.
      if (failed) write({ file, titles: [], status: "error", message });
      write({ file, titles: ["(whole file)"], status: failed ? "failed" : "passed", message });
      continue;
    }
    const status = isSuite ? "error" : statusOf(type, data);
    write({ file, titles: [...parents, data.name], status, message });
  }
  write({ end: true });
  yield "";
}
