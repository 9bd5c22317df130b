// Reporter for mocha of any version: writes one JSON object per test to $REPORT/node.jsonl.
const fs = require("fs");

function write(event) {
  fs.appendFileSync(process.env.REPORT + "/node.jsonl", JSON.stringify(event) + "\n");
}

function describe(test) {
  const titles = [];
  let file = "";
  for (let part = test; part; part = part.parent) {
    if (part.title) titles.unshift(part.title);
    file = file || part.file || "";
  }
  // In parallel mode, a test comes from another process and has no parents.
  const ownTitles = titles.length > 1 ? titles : (test.titlePath && test.titlePath()) || titles;
  return { file: file, titles: ownTitles };
}

module.exports = function (runner) {
  function report(test, status, message) {
    write(Object.assign(describe(test), { status: status, message: message }));
  }
  runner.on("pass", function (test) { report(test, "passed", ""); });
  runner.on("pending", function (test) { report(test, "skipped", ""); });
  runner.on("fail", function (test, error) {
    report(test, "failed", String((error && (error.stack || error.message)) || error));
  });
  runner.on("end", function () { write({ end: true }); });
};
