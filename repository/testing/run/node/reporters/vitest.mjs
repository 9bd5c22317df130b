// Reporter for vitest of any version: writes one JSON object per test to $REPORT/node.jsonl.
import fs from "node:fs";

const STATUSES = { pass: "passed", passed: "passed", fail: "failed", failed: "failed" };

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

function messages(errors) {
  return (errors || []).map((error) => String(error.stack || error.message || error)).join("\n");
}

function writeUnhandled(errors) {
  if (errors && errors.length > 0) {
    write({ file: "", titles: ["unhandled errors"], status: "error", message: messages(errors) });
  }
  write({ end: true });
}

function writeTask(task, file, titles) {
  const ownTitles = [...titles, task.name];
  const result = task.result || {};
  if (task.type === "suite") {
    const failedItself = result.state === "fail" && result.errors && result.errors.length > 0;
    if (failedItself) {
      write({ file, titles: ownTitles, status: "error", message: messages(result.errors) });
    }
    for (const child of task.tasks || []) writeTask(child, file, ownTitles);
    return;
  }
  write({
    file,
    titles: ownTitles,
    status: STATUSES[result.state] || "skipped",
    message: messages(result.errors || (result.error ? [result.error] : [])),
  });
}

function writeFile(file) {
  const titles = file.projectName ? [file.projectName] : [];
  const result = file.result || {};
  const failedToLoad = result.state === "fail" && !(file.tasks || []).length;
  const hookFailed = result.errors && result.errors.length > 0;
  if (failedToLoad || hookFailed) {
    const message = messages(result.errors || (result.error ? [result.error] : []));
    write({ file: file.filepath, titles: [], status: "error", message });
  }
  for (const task of file.tasks || []) writeTask(task, file.filepath, titles);
}

export default class {
  constructor() {
    this.written = new Set();
  }

  // vitest 3 and later
  onTestModuleEnd(module) {
    this.written.add(module.task);
    writeFile(module.task);
  }

  // A module that could not be loaded is only among these.
  onTestRunEnd(modules, errors) {
    for (const module of modules) {
      if (!this.written.has(module.task)) this.onTestModuleEnd(module);
    }
    writeUnhandled(errors);
    this.ended = true;
  }

  // vitest before version 3; version 3 calls both
  onFinished(files, errors) {
    if (this.ended) return;
    (files || []).filter((file) => !this.written.has(file)).forEach(writeFile);
    writeUnhandled(errors);
    this.ended = true;
  }
}
