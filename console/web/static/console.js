// Live parts are not asked for while nobody looks: their tab is hidden.
document.addEventListener("htmx:beforeRequest", (event) => {
  const isPolled = event.target.closest("[data-polled]");
  if (isPolled && document.hidden) event.preventDefault();
});
