// What the theme makes when it comes into sight. The buttons beside code are no landmarks of the page; and what has to be
// moved sideways on a narrow screen is reached by keys.
function mend() {
  document.querySelectorAll(".md-code__nav:not([role])").forEach((buttons) => buttons.setAttribute("role", "none"));
  document.querySelectorAll("pre > code, .md-typeset__scrollwrap, .md-typeset p:has(> img)").forEach((box) => {
    if (box.scrollWidth > box.clientWidth && box.tabIndex !== 0) box.tabIndex = 0; // the theme takes it away again
  });
}
new MutationObserver(mend).observe(document.body, { childList: true, subtree: true, attributeFilter: ["tabindex"] });
new ResizeObserver(mend).observe(document.querySelector(".md-content") ?? document.body);
addEventListener("load", mend);
mend();
