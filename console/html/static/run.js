// The run's page: opens what an address with # points to, and opens or closes all steps.
"use strict";
(function () {
  function openTarget() {
    const name = decodeURIComponent(window.location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target) { return; }
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") { part.open = true; }
    }
    target.scrollIntoView();
  }

  function onKey(event) {
    const step = event.target.closest("details");
    if (!step || event.ctrlKey || event.metaKey || event.altKey) { return; }
    const steps = Array.from(this.querySelectorAll(":scope > details"));
    const offset = { j: 1, k: -1 }[event.key];
    const next = offset && steps[steps.indexOf(step) + offset];
    if (next) { next.querySelector("summary").focus(); }
  }

  for (const section of document.querySelectorAll("[data-steps]")) {
    section.addEventListener("keydown", onKey);
    for (const tools of section.querySelectorAll(".tools")) { tools.hidden = false; }
    for (const button of section.querySelectorAll("button[data-open]")) {
      button.addEventListener("click", function () {
        for (const step of section.querySelectorAll(":scope > details")) {
          step.open = button.dataset.open === "true";
        }
      });
    }
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();
})();
