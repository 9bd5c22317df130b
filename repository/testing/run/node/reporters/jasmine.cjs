// Reporter for jasmine: writes one JSON object per test to $REPORT/node.jsonl.
const fs = require("fs");

const STATUSES = { passed: "passed", failed: "failed" };

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

function messages(result) {
  return (result.failedExpectations || []).map((item) => item.stack || item.message).join("\n");
}

module.exports = class {
  constructor() {
    this.suites = [];
  }

  suiteStarted(suite) {
    this.suites.push(suite.description);
  }

  suiteDone(suite) {
    if ((suite.failedExpectations || []).length > 0) {
      write({ file: "", titles: [...this.suites], status: "error", message: messages(suite) });
    }
    this.suites.pop();
  }

  specDone(spec) {
    const titles = [...this.suites, spec.description];
    const status = STATUSES[spec.status] || "skipped";
    write({ file: spec.filename || "", titles, status, message: messages(spec) });
  }

  jasmineDone(result) {
    if ((result.failedExpectations || []).length > 0) {
      write({ file: "", titles: ["global"], status: "error", message: messages(result) });
    }
    write({ end: true });
  }
};
