// Reporter for jest 20 and later: writes one JSON object per test to $REPORT/node.jsonl.
const fs = require("fs");

const STATUSES = { passed: "passed", failed: "failed" };

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

function projectTitles(test) {
  const name = test.context && test.context.config && test.context.config.displayName;
  if (!name) return [];
  return [typeof name === "string" ? name : name.name];
}

module.exports = class {
  onTestResult(test, result) {
    const file = result.testFilePath;
    const project = projectTitles(test);
    for (const item of result.testResults) {
      write({
        file,
        titles: [...project, ...item.ancestorTitles, item.title],
        status: STATUSES[item.status] || "skipped",
        message: (item.failureMessages || []).join("\n"),
      });
    }
    if (result.testExecError || (result.failureMessage && result.testResults.length === 0)) {
      write({ file, titles: [], status: "error", message: result.failureMessage });
    }
  }

  onRunComplete(contexts, results) {
    if (results.runExecError) {
      write({ file: "", titles: [], status: "error", message: results.runExecError.message });
    }
    write({ end: true });
  }
};
