// The buttons beside code are no landmarks of the page; the theme makes them when code comes into sight.
function unmark() {
  document.querySelectorAll(".md-code__nav:not([role])").forEach((buttons) => buttons.setAttribute("role", "none"));
}
new MutationObserver(unmark).observe(document.body, { childList: true, subtree: true });
unmark();
